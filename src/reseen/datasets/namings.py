"""Ways of naming files after person and camera that benchmarks share, for folders that are sorted otherwise."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reseen.datasets import market1501, mars
from reseen.errors import DataError


@dataclass(frozen=True)
class Naming:
    """A pattern of file names with the groups `person` and `camera`."""

    title: str
    like: str
    """A file name as people write it."""
    expression: re.Pattern[str]
    """Fits the beginning of a file name."""
    first_person: int = 1
    """The least number of a person; where it is 0, no number stands for distractors."""

    def match(self, path: str) -> re.Match[str] | None:
        """The groups in the file name of a path; None where it is named otherwise."""
        return self.expression.match(path.rpartition("/")[2])

    def person(self, match: re.Match[str]) -> int:
        """The identity in a name: -1 for junk, people from 1, and 0 for distractors where the naming has them."""
        text = match["person"]
        return -1 if text in ("-1", "00-1") else int(text) + 1 - self.first_person

    def camera(self, match: re.Match[str]) -> str:
        """The name of the camera, such as `c1`."""
        return f"c{int(match['camera'])}"


NAMINGS = (
    Naming("Market-1501", "PPPP_cCsS_FFFFFF_NN.jpg", market1501.NAME),
    Naming(
        "MSMT17",
        "PPPP_NNN_CC_MMDDtime_FFFF_N.jpg",
        re.compile(r"(?P<person>\d{4})_\d{3}_(?P<camera>\d{2})_\d{4}[a-z]+_\d+_\d+"),
        first_person=0,
    ),
    Naming("MARS", "PPPPCcTttttFfff.jpg", mars.NAME),
    Naming(
        "DukeMTMC-VideoReID",
        "PPPPCcFffffXxxxxx.jpg",
        re.compile(r"(?P<person>\d{4})_?C(?P<camera>\d)_?F\d+_?X\d+"),
    ),
)
"""Every naming that is known; a file name fits one of them at most."""


def naming_of(paths: Sequence[str], place: str) -> Naming | None:
    """The naming of all files; None when none is named so. `place` is what messages call the folder.

    Raises:
        DataError: some files are named so and others are not.
    """
    for naming in NAMINGS:
        strange = [path for path in paths if naming.match(path) is None]
        if not strange and paths:
            return naming
        if len(strange) < len(paths):
            raise DataError(
                f"{place}: {len(paths) - len(strange):,} of {len(paths):,} files are named as in {naming.title} "
                f"({naming.like}), {len(strange):,} are not, the first is {strange[0]}; move them away, or say by "
                "--identity-pattern and --camera-pattern where paths name person and camera"
            )
    return None

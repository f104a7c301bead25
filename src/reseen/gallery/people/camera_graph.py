"""Which cameras neighbor each other and how long people walk between them: `cameras.yaml`, given or learned."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import yaml
from pydantic import Field, ValidationError, field_validator

from reseen.config import Settings, read_yaml
from reseen.errors import GalleryError, SettingsError
from reseen.files import write_text
from reseen.gallery.filter import resolve_camera_names
from reseen.gallery.people.members import Person
from reseen.validation_messages import first_problem

FEWEST_WALKS = 10
"""Walks between two cameras that are needed to learn their travel times."""

_TAIL = 0.01
"""Share of the walks that are shorter than the least seconds that are learned, and as many are longer than the most."""


class TimedSighting(NamedTuple):
    """Where somebody was from when to when."""

    camera: str | None
    first: float | None
    """Seconds; None if unknown."""
    last: float | None


class _Neighbors(Settings):
    cameras: tuple[str, str]
    seconds: tuple[float, float]

    @field_validator("cameras", mode="before")
    @classmethod
    def _as_text(cls, names: Any) -> Any:
        """Cameras are often numbers, which YAML does not read as text."""
        return (
            [str(name) if type(name) is int else name for name in names] if isinstance(names, list) else names
        )


class _File(Settings):
    neighbors: tuple[_Neighbors, ...] = Field(min_length=1)
    anywhere_after: float | None = None


@dataclass(frozen=True)
class CameraGraph:
    """Neighboring cameras with travel times; it tells who cannot have been where.

    Example:
        >>> graph = CameraGraph({frozenset({"c1", "c2"}): (20.0, 120.0)})
        >>> graph.allows([TimedSighting("c1", 0, 10)], TimedSighting("c2", 15, 20))
        False
        >>> graph.allows([TimedSighting("c1", 0, 10)], TimedSighting("c2", 60, 70))
        True
    """

    walks: Mapping[frozenset[str], tuple[float, float]]
    """Least and most seconds between the last moment under one camera and the first under the other, by the two; other
    pairs of cameras are no neighbors."""
    anywhere_after: float | None = None
    """Seconds after which somebody may appear under any camera; None for never."""

    @classmethod
    def read(cls, file: str | Path, cameras: Iterable[str | None]) -> Self:
        """Read `cameras.yaml` for a gallery with some cameras.

        Raises:
            SettingsError: the file is invalid, or names a camera that is not among `cameras`.
        """
        path = Path(file).expanduser()
        values = read_yaml(path, "a file of cameras")
        try:
            read = _File.model_validate(values)
        except ValidationError as error:
            raise SettingsError(
                f"{first_problem(_File, error, str(path))}; an entry reads "
                "`- {cameras: [c1, c2], seconds: [20, 120]}`"
            ) from None
        known = list(cameras)
        walks: dict[frozenset[str], tuple[float, float]] = {}
        for entry in read.neighbors:
            try:
                pair = frozenset(resolve_camera_names(entry.cameras, known))
            except SettingsError as error:
                raise SettingsError(f"{path}: {error}") from None
            names, (least, most) = " and ".join(entry.cameras), entry.seconds
            if len(pair) < 2 or pair in walks:
                problem = "is listed twice" if pair in walks else "needs two cameras"
                raise SettingsError(f"{path}: the pair {names} {problem}")
            if not 0 <= least <= most:
                raise SettingsError(
                    f"{path}: seconds between {names}: give the least, from 0, and then the most, got {least:g} and "
                    f"{most:g}"
                )
            walks[pair] = least, most
        if read.anywhere_after is not None and read.anywhere_after < 0:
            raise SettingsError(f"{path}: anywhere_after is a number of seconds from 0")
        return cls(walks, read.anywhere_after)

    def write(self, file: Path) -> Path:
        """Write the graph as YAML for `read`.

        Raises:
            StorageError: the file cannot be written.
        """
        lines = [
            "# Seconds between the last moment under one camera and the first under the other: least, most."
        ]
        lines.append("neighbors:")
        for pair, (least, most) in sorted(self.walks.items(), key=lambda item: sorted(item[0])):
            names = yaml.safe_dump(
                sorted(pair), default_flow_style=True, allow_unicode=True, width=9999
            ).strip()
            lines.append(f"- {{cameras: {names}, seconds: [{least:g}, {most:g}]}}")
        if self.anywhere_after is not None:
            lines.append(f"anywhere_after: {self.anywhere_after:g}")
        write_text(file, "\n".join(lines) + "\n")
        return file

    @classmethod
    def learn(cls, people: Iterable[Person], anywhere_after: float | None = None) -> Self:
        """Learn the graph from the walks of people between cameras; pairs of fewer than 10 walks are no neighbors.

        Least and most seconds leave out one walk in a hundred on either side, as wrong crops make impossible ones.

        Raises:
            GalleryError: no two cameras have enough walks.
        """
        gaps: dict[frozenset[str], list[float]] = {}
        for person in people:
            timed = [TimedSighting(s.camera, s.first, s.last) for s in person.sightings]
            seen = sorted((s for s in timed if s.first is not None), key=lambda s: s.first or 0.0)
            for before, after in pairwise(seen):
                if before.camera != after.camera and before.camera and after.camera:
                    pair = frozenset((before.camera, after.camera))
                    gaps.setdefault(pair, []).append(max(0.0, (after.first or 0.0) - (before.last or 0.0)))
        walks = {
            pair: (
                _rounded(np.quantile(some, _TAIL), down=True),
                _rounded(np.quantile(some, 1 - _TAIL), down=False),
            )
            for pair, some in gaps.items()
            if len(some) >= FEWEST_WALKS
        }
        if not walks:
            most = max(map(len, gaps.values()), default=0)
            raise GalleryError(
                f"no two cameras have {FEWEST_WALKS} walks of known people between them, at most {most}; index more "
                "crops with times, or write the file by hand"
            )
        return cls(walks, anywhere_after)

    def allows(self, seen: Sequence[TimedSighting], new: TimedSighting) -> bool:
        """Whether somebody who was seen before, between or after can be the one of a new sighting.

        The nearest sightings in time on either side, all of them if several are equally near, and those at the same
        time decide. Sightings without camera or time say nothing.
        """
        if new.camera is None or new.first is None or new.last is None:
            return True
        before: list[tuple[float, str]] = []
        after: list[tuple[float, str]] = []
        for one in seen:
            if one.camera is None or one.first is None or one.last is None:
                continue
            if one.last < new.first:
                before.append((new.first - one.last, one.camera))
            elif one.first > new.last:
                after.append((one.first - new.last, one.camera))
            elif not self._walkable(one.camera, new.camera, 0.0):
                return False
        return all(
            self._walkable(camera, new.camera, seconds)
            for side in (before, after)
            for seconds, camera in side
            if seconds == min(side)[0]
        )

    def _walkable(self, one: str | None, other: str | None, seconds: float) -> bool:
        if one is None or other is None or one == other:
            return True
        if self.anywhere_after is not None and seconds >= self.anywhere_after:
            return True
        walk = self.walks.get(frozenset((one, other)))
        return walk is not None and walk[0] <= seconds <= walk[1]


def _rounded(seconds: float, *, down: bool) -> float:
    """To tenths of a second, away from the walks."""
    return (math.floor if down else math.ceil)(float(seconds) * 10) / 10

"""The list of what was forgotten: when, by which condition, how much; no picture, no vector, no path.

It is kept beside the entries of a gallery in a folder, else among the user's own files. A crop is known by its key, a
hash of its place, so that it is not taken in again while its file is still there.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from reseen.errors import GalleryError
from reseen.files import append_line, check_journal
from reseen.gallery.side_files import side_file
from reseen.reading import parse_as, read_regular

NAME = "forgotten.jsonl"


@dataclass(frozen=True)
class Deletion:
    """One line."""

    time: str
    """UTC, ISO 8601."""
    by: str
    """The condition: `image`, `cluster`, `like`, or `filter` for cameras and times."""
    keys: tuple[str, ...]
    verified: bool
    """Whether the store was searched for the keys, and every recorded place read, and nothing found."""
    cached_pixels: int
    """Entries of the cache of decoded crops that were removed."""

    @classmethod
    def now(cls, by: str, keys: tuple[str, ...], verified: bool, cached_pixels: int) -> "Deletion":
        """A line of this second."""
        return cls(datetime.now(UTC).isoformat(timespec="seconds"), by, keys, verified, cached_pixels)


def deletion_log_file(address: str) -> Path:
    """Where the list of the gallery at `address` is."""
    return side_file(address, NAME)


def note(address: str, forgetting: Deletion) -> Path:
    """Add a line, which is on the disk when this returns.

    Raises:
        StorageError: it cannot be written.
    """
    file = deletion_log_file(address)
    append_line(file, json.dumps(asdict(forgetting)))
    return file


def read_deletion_log(address: str) -> list[Deletion]:
    """All lines, the oldest first; none where nothing was forgotten. A last line that a crash cut short is left out.

    Raises:
        GalleryError: another line is damaged.
        StorageError: it is a link, or no file at all.
    """
    file = check_journal(deletion_log_file(address))
    if not file.is_file():
        return []
    try:
        lines = read_regular(file).decode("utf-8", "replace").split("\n")
    except (OSError, ValueError) as error:
        raise GalleryError(
            f"{file}: cannot be read ({error}); restore it, or what was forgotten would be taken in again"
        ) from None
    lines = lines[:-1] if lines[-1] == "" else lines
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(parse_as(Deletion, line))
        except ValueError:
            if number < len(lines):
                raise GalleryError(
                    f"{file}, line {number}: damaged; restore it, or what was forgotten would be taken in again"
                ) from None
    return found


def forgotten_keys(address: str) -> set[str]:
    """Keys of all entries that were forgotten."""
    return {key for forgetting in read_deletion_log(address) for key in forgetting.keys}


def unfinished(address: str) -> list[Deletion]:
    """Lines of forgettings that began and were never verified since, the oldest first."""
    open_lines: list[Deletion] = []
    for forgetting in read_deletion_log(address):
        if forgetting.verified:
            done = set(forgetting.keys)
            open_lines = [line for line in open_lines if not done.issuperset(line.keys)]
        else:
            open_lines.append(forgetting)
    return open_lines

"""The deletion log of a gallery: when, how selected and how many; no pixels, vectors or paths.

It is a file in the gallery's folder or, for servers, in the user's state folder. Crops are identified by key, a hash of
source and path, so that `reseen index` does not add a deleted crop again while its file still exists.
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
    """One line of the log."""

    time: str
    """UTC, ISO 8601, to the second."""
    by: str
    """How crops were selected: `image`, `cluster`, `like`, `person`, or `filter` for cameras and times."""
    keys: tuple[str, ...]
    """Keys of the deleted crops."""
    verified: bool
    """Whether the store and all recorded copies were read again afterwards and none of the crops was found."""
    cached_pixels: int
    """Number of cache folders of decoded crops that were removed."""

    @classmethod
    def now(cls, by: str, keys: tuple[str, ...], verified: bool, cached_pixels: int) -> "Deletion":
        """A line with the current time."""
        return cls(datetime.now(UTC).isoformat(timespec="seconds"), by, keys, verified, cached_pixels)


def deletion_log_file(address: str) -> Path:
    """Path of the deletion log of the gallery at `address`."""
    return side_file(address, NAME)


def append_deletion(address: str, deletion: Deletion) -> Path:
    """Append a line and sync it to disk; returns the path of the log.

    Raises:
        StorageError: the log cannot be written.
    """
    file = deletion_log_file(address)
    append_line(file, json.dumps(asdict(deletion)))
    return file


def read_deletion_log(address: str) -> list[Deletion]:
    """All deletions, oldest first; a last line truncated by a crash is ignored.

    Raises:
        GalleryError: any other line is damaged, or the log cannot be read.
        StorageError: the log is a link, or not a regular file.
    """
    file = check_journal(deletion_log_file(address))
    if not file.is_file():
        return []
    try:
        lines = read_regular(file).decode("utf-8", "replace").split("\n")
    except (OSError, ValueError) as error:
        raise GalleryError(
            f"{file}: cannot be read ({error}); restore it, or deleted crops would be indexed again"
        ) from None
    lines = lines[:-1] if lines[-1] == "" else lines
    deletions = []
    for number, line in enumerate(lines, start=1):
        try:
            deletions.append(parse_as(Deletion, line))
        except ValueError:
            if number < len(lines):
                raise GalleryError(
                    f"{file}, line {number}: damaged; restore it, or deleted crops would be indexed again"
                ) from None
    return deletions


def deleted_keys(address: str) -> set[str]:
    """Keys of all deleted entries."""
    return {key for deletion in read_deletion_log(address) for key in deletion.keys}


def unverified_deletions(address: str) -> list[Deletion]:
    """Deletions that began and were not verified since, oldest first."""
    unverified: list[Deletion] = []
    for deletion in read_deletion_log(address):
        if deletion.verified:
            verified = set(deletion.keys)
            unverified = [line for line in unverified if not verified.issuperset(line.keys)]
        else:
            unverified.append(deletion)
    return unverified

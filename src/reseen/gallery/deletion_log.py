"""The list of what was forgotten: when, by which condition, how much; no picture, no vector, no path.

It is kept beside the entries of a gallery in a folder, else among the user's own files. A crop is known by its key, a
hash of its place, so that it is not taken in again while its file is still there.
"""

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from reseen.errors import GalleryError
from reseen.files import make_folder, storage_error
from reseen.reading import parse_as, read_regular

NAME = "forgotten.jsonl"


@dataclass(frozen=True)
class Deletion:
    """One line."""

    time: str
    """UTC, ISO 8601."""
    by: str
    """The condition: `image`, `cluster` or `like`."""
    keys: tuple[str, ...]
    verified: bool
    """Whether a search for the keys found nothing afterwards."""
    cached_pixels: int
    """Entries of the cache of decoded crops that were removed."""


def deletion_log_file(address: str) -> Path:
    """Where the list of the gallery at `address` is."""
    if address == "memory:":  # gone with its process, and so is the list
        return Path(tempfile.gettempdir()) / f"reseen-memory-{os.getpid()}" / NAME
    if "://" not in address:
        return Path(address).expanduser() / NAME
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return state / "reseen" / f"{hashlib.sha256(address.encode()).hexdigest()[:16]}-{NAME}"


def note(address: str, forgetting: Deletion) -> Path:
    """Add a line, which is on the disk when this returns.

    Raises:
        StorageError: it cannot be written.
    """
    file = deletion_log_file(address)
    make_folder(file.parent)
    try:
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(forgetting)) + "\n")
            lines.flush()
            os.fsync(lines.fileno())
    except OSError as error:
        raise storage_error(file, error) from None
    return file


def read_deletion_log(address: str) -> list[Deletion]:
    """All lines, the oldest first; none where nothing was forgotten. A last line that a crash cut short is left out.

    Raises:
        GalleryError: another line is damaged.
    """
    file = deletion_log_file(address)
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

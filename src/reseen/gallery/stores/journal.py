"""The journal of replacements: entries are written to it before they replace others.

The engine persists the deletion of an old entry before the new one, so that a process killed between the two would lose
both. The next opening of the gallery adds the entries in the journal again.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from reseen.errors import GalleryError
from reseen.files import write_atomically
from reseen.gallery.entries import Entries
from reseen.gallery.stores.payload import from_payload, to_payload
from reseen.reading import parse_as, read_archive


def write_journal(path: Path, entries: Entries) -> None:
    """Write entries to a file, atomically and synced to disk.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    text = json.dumps([to_payload(entry) for entry in entries.entries]).encode("utf-8")

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, vectors=entries.vectors, entries=np.frombuffer(text, dtype=np.uint8))

    write_atomically(path, write)


def read_journal(path: Path) -> Entries | None:
    """Entries of a journal; None if there is no journal.

    Raises:
        GalleryError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        arrays = read_archive(path)
        payloads = parse_as(list[dict[str, Any]], arrays["entries"].tobytes(), most_bytes=2**40)
        return Entries([from_payload(payload) for payload in payloads], arrays["vectors"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise GalleryError(
            f"{path}: cannot be read ({error}); remove it, and index the crops that were being replaced again"
        ) from None

"""Entries about to replace others, kept on the disk until they have.

The engine writes that an old entry is gone before it writes the new one, and a process killed between the two would
lose both. What the journal holds is added again when the gallery is next opened.
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
    """Keep entries in a file that is there whole, on the disk, or not at all.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    text = json.dumps([to_payload(entry) for entry in entries.entries]).encode("utf-8")

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, vectors=entries.vectors, entries=np.frombuffer(text, dtype=np.uint8))

    write_atomically(path, write)


def read_journal(path: Path) -> Entries | None:
    """What `write_journal` kept; None where there is nothing.

    Raises:
        GalleryError: the file was damaged since.
    """
    if not path.exists():
        return None
    try:
        kept = read_archive(path)
        payloads = parse_as(list[dict[str, Any]], kept["entries"].tobytes(), most_bytes=2**40)
        return Entries([from_payload(payload) for payload in payloads], kept["vectors"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise GalleryError(
            f"{path}: cannot be read ({error}); remove it, and add again the crops that were being replaced"
        ) from None

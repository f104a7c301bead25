"""A store of one's own: exact search in memory, kept in one JSON file, for a few thousand crops.

reseen index RUN --plugin examples/file_store.py --data DATA --gallery jsonfile:///home/me/gallery.json
"""

import base64
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from reseen.errors import GalleryError
from reseen.export.fingerprint import ModelIdentity
from reseen.files import write_text
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.filter import Filter
from reseen.gallery.store import STORES, Description, RegisteredStore
from reseen.gallery.stores.checks import refuse_other_model
from reseen.gallery.stores.in_memory import MemoryStore
from reseen.reading import read_json


class FileStore(MemoryStore):
    """Entries in a JSON file, which is written anew with every change."""

    def __init__(self, address: str, file: Path, model: ModelIdentity) -> None:
        super().__init__(model)
        self._address, self._file, self._given = address, file, model
        if file.exists():
            rows = read_json(file)["entries"]
            entries = [Entry(**{**row, "thumbnail": base64.b64decode(row["thumbnail"])}) for row, _ in rows]
            if entries:
                super().add(Entries(entries, np.array([vector for _, vector in rows], np.float32)))
        else:
            self._write()

    def add(self, entries: Entries) -> None:
        """Add or replace entries; they are on disk when this returns."""
        super().add(entries)
        self._write()

    def delete(self, where: Filter) -> int:
        """Remove entries; returns how many."""
        count = super().delete(where)
        self._write()
        return count

    def describe(self) -> Description:
        """Contents of the store."""
        return replace(super().describe(), address=self._address, engine="JSON file")

    def _write(self) -> None:
        rows = []
        for part in self.scan():
            for entry, vector in zip(part.entries, part.vectors, strict=True):
                thumbnail = base64.b64encode(entry.thumbnail).decode()
                rows.append([{**asdict(entry), "thumbnail": thumbnail}, vector.tolist()])
        write_text(self._file, json.dumps({"model": self._given.to_json(), "entries": rows}))


def open_file(address: str, model: ModelIdentity | None, create: bool) -> FileStore:
    """Open or create the store at `jsonfile:///absolute/path.json`."""
    file = Path(address.removeprefix("jsonfile://"))
    if not file.exists():
        if not create or model is None:
            raise GalleryError(f"{address}: there is no gallery; index crops into it")
        return FileStore(address, file, model)
    stored = ModelIdentity.from_json(read_json(file)["model"])
    refuse_other_model(address, stored, model)
    return FileStore(address, file, stored)


STORES.register("jsonfile", RegisteredStore(open_file, "jsonfile:///absolute/path.json"))

"""A gallery that a running viewer has open, used through the viewer's API on this machine.

Whatever changes goes through the process that has the gallery open, so that its pages and this process never disagree.
"""

import http.client
import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from jaxtyping import Float32

from reseen.errors import GalleryError, StorageError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries, Hit
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.serving_file import ServingProcess
from reseen.gallery.store import Description, Store, unit_query
from reseen.gallery.stores.checks import batches, check_entries, refuse_other_model
from reseen.gallery.stores.packed_entries import pack_entries, unpack_entries, unpack_hits
from reseen.reading import parse_json

_SECONDS = 3600.0
"""Longest wait for an answer: building a graph of a large gallery takes minutes."""

_MOST_BYTES = 8_000_000
"""Bytes of entries in a request; a quarter of what the viewer accepts."""

_NO_SPACE = 507


class ServedStore(Store):
    """The store of a gallery that a viewer has open. Thread-safe: every call has its own connection.

    Raises:
        GalleryError: the viewer has ended, or the gallery is of another model.
    """

    def __init__(self, path: Path, viewer: ServingProcess, model: ModelIdentity | None = None) -> None:
        self._path, self._viewer = path, viewer
        self._is_closed = False
        self._description = self.describe()
        refuse_other_model(str(path), self._description.model, model)

    def add(self, entries: Entries) -> None:
        """Add or, by key, replace entries; they are durable, and shown by the viewer, when this returns."""
        self._send("add", entries)

    def replace(self, entries: Entries) -> None:
        """Replace, by key, those entries that are there; what was deleted meanwhile is not added again."""
        self._send("replace", entries)

    def _send(self, verb: str, entries: Entries) -> None:
        check_entries(entries, self._description.model.dimension)
        if not len(entries):
            return
        thumbnails = sum(len(entry.thumbnail) + len(entry.image) + 500 for entry in entries.entries)
        size = (thumbnails + entries.vectors.nbytes) / len(entries)
        for part in batches(entries, max(1, int(_MOST_BYTES / size))):
            self._request(verb, pack_entries(part))

    def search(self, vector: Float32[np.ndarray, " d"], top: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `top` entries of highest cosine similarity among those that match `where`, most similar first."""
        unit_query(vector, top, self._description.model.dimension)
        query = {"vector": vector.astype(float).tolist(), "top": top, "where": filter_values(where)}
        return unpack_hits(self._request("search", query))

    def scan(self, where: Filter = EVERYTHING, batch: int = 1024) -> Iterator[Entries]:
        """All entries that match `where`, with vectors, each once, in batches of at most `batch`."""
        query = {"where": filter_values(where), "batch": batch}
        connection, response = self._open("scan", _json(query), "application/json")
        try:
            while header := response.read(8):
                size = int.from_bytes(header, "big")
                content = response.read(size)
                if len(content) != size:
                    raise self._ended("it stopped in the middle of an answer")
                yield unpack_entries(content)
        except (OSError, http.client.HTTPException) as error:
            raise self._ended(error) from None
        finally:
            connection.close()

    def delete(self, where: Filter) -> int:
        """Erase entries from the store and from the viewer; returns how many."""
        return int(parse_json(self._request("delete", {"where": filter_values(where)}))["deleted"])

    def forget(
        self,
        by: str,
        keys: Sequence[str],
        images: Sequence[tuple[str, str]] | None,
        cache_dirs: Sequence[str],
    ) -> dict[str, Any]:
        """Let the viewer delete entries with all recorded copies, and verify it; see `reseen.gallery.removal`.

        Raises:
            GalleryError: data of the crops is left.
            StorageError: a file cannot be written.
        """
        query = {"by": by, "keys": list(keys), "images": images, "cache_dirs": list(cache_dirs)}
        return parse_json(self._request("forget", query))

    def describe(self) -> Description:
        """Contents and origin of the store."""
        values = parse_json(self._request("describe", {}))
        try:
            return Description(
                str(self._path),
                values["engine"],
                ModelIdentity.from_json(json.dumps(values["model"])),
                values["count"],
                dict(values["cameras"]),
                values["sources"],
                values["first"],
                values["last"],
            )
        except (TypeError, KeyError, ValueError) as error:
            raise self._ended(f"its answer is none of a store: {error}") from None

    def close(self) -> None:
        """Refuse further requests; the viewer keeps the gallery open."""
        self._is_closed = True

    def _request(self, verb: str, content: bytes | dict[str, Any]) -> bytes:
        kind = "application/octet-stream" if isinstance(content, bytes) else "application/json"
        connection, response = self._open(
            verb, content if isinstance(content, bytes) else _json(content), kind
        )
        try:
            return response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._ended(error) from None
        finally:
            connection.close()

    def _open(
        self, verb: str, body: bytes, kind: str
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        if self._is_closed:
            raise GalleryError(f"{self._path}: this gallery was closed; open it again")
        place = urlsplit(self._viewer.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=_SECONDS)
        headers = {"Authorization": f"Bearer {self._viewer.secret}", "Content-Type": kind}
        try:
            connection.request("POST", f"/api/store/{verb}", body, headers)
            response = connection.getresponse()
            if response.status == http.client.OK:
                return connection, response
            content = response.read(1_000_000)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._ended(error) from None
        connection.close()
        try:
            message = str(parse_json(content)["error"])
        except (ValueError, KeyError, TypeError):
            message = f"{self._path}: the viewer answers {response.status} {response.reason}"
        raise (StorageError if response.status == _NO_SPACE else GalleryError)(message)

    def _ended(self, reason: object) -> GalleryError:
        return GalleryError(
            f"{self._path}: the viewer that has this gallery open (process {self._viewer.process}) does not answer "
            f"({reason}); if it has ended, rerun the command, which goes on where it was"
        )


def filter_values(where: Filter) -> dict[str, Any]:
    """A filter as JSON values, its time window in seconds."""
    values = {field.name: getattr(where, field.name) for field in fields(where)}
    values["after"], values["before"] = where.window
    return {name: value for name, value in values.items() if value is not None}


def _json(values: dict[str, Any]) -> bytes:
    return json.dumps(values).encode()

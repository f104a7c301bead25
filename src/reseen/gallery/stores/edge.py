"""The default store: Qdrant Edge, embedded, in a folder; nothing to start.

Several threads may use one open store at once: searches run beside each other and beside a change, changes wait for
each other. One process at a time has the folder.
"""

import importlib.metadata
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge
from jaxtyping import Float32

from reseen.errors import GalleryError, StorageError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.closing import Closing
from reseen.gallery.entries import Entries, Hit
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.store import Description, direction_of
from reseen.gallery.stores.checks import check_entries, in_parts, refuse_other_model
from reseen.gallery.stores.edge_shard import (
    SEGMENT,
    configuration,
    create,
    engine_errors,
    parameters,
    to_filter,
)
from reseen.gallery.stores.folder import GalleryFolder
from reseen.gallery.stores.journal import read_journal, write_journal
from reseen.gallery.stores.normalized_filter import matching_hits, matching_records, normalize_filter
from reseen.gallery.stores.payload import from_payload, to_payload

_ENGINE = "qdrant-edge"
_AT_ONCE = 1_000
"""Entries that are handed to the engine at once."""
_VALUES = 1_000_000
"""Cameras or sources that are counted at most."""


class EdgeStore(Closing):
    """A gallery in a folder.

    Raises:
        GalleryError: there is no gallery and none is to be made, it is damaged, another process has it open, or
            another model made it.
        StorageError: the disk is full or the folder cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        model: ModelIdentity | None = None,
        create: bool = False,
        segment: int | None = None,
    ) -> None:
        """Open or make a gallery; with `segment` a graph is built for so many entries instead of 50,000."""
        self._segment = SEGMENT if segment is None else segment
        self._folder = GalleryFolder(Path(path), _ENGINE, model, create)
        self._model = self._folder.model
        self._changing = threading.Lock()
        try:
            refuse_other_model(str(path), self._model, model)
            with engine_errors(self._folder.path):
                self._shard = self._open()
                if (replacing := read_journal(self._folder.journal)) is not None:
                    self._put(replacing)
                    self._shard.flush()
                    self._folder.journal.unlink(missing_ok=True)
                if self._folder.cleaning:
                    self._clean()
        except BaseException:
            self._folder.release()
            raise

    def _open(self) -> qdrant_edge.EdgeShard:
        data = self._folder.data
        if self._folder.new:
            self._folder.need_room(0, "a new gallery")
            shard = create(data, self._model.dimension, self._segment)
            self._folder.write_card()
            return shard
        if not (data / "segments").is_dir():
            raise GalleryError(f"{data}: its files are missing; index the crops into a new gallery")
        shutil.rmtree(data / "temp_segments", ignore_errors=True)  # of a process killed while it tidied up
        return qdrant_edge.EdgeShard.load(str(data), configuration(self._model.dimension, self._segment))

    def add(self, entries: Entries) -> None:
        """Keep entries; one whose key is there replaces the old one. They survive a crash once this returns.

        Every 50,000 new entries a graph is built for them, which takes some seconds and twice their room.
        """
        self._folder.refuse_read_only()
        check_entries(entries, self._model.dimension)
        if not len(entries):
            return
        payloads = sum(2 * len(entry.thumbnail) + len(entry.image) + 500 for entry in entries.entries)
        with self._changing, engine_errors(self._folder.path):
            self._folder.need_room(payloads + 2 * entries.vectors.nbytes, f"adding {len(entries):,} entries")
            for part in in_parts(entries, _AT_ONCE):
                self._put(part)
            self._shard.flush()
            self._build_graphs()

    def search(self, vector: Float32[np.ndarray, " d"], top: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `top` entries nearest by cosine for which `where` holds, most similar first."""
        direction = direction_of(vector, top, self._model.dimension)
        found = normalize_filter(where)
        if found is None:
            return []
        condition = to_filter(found)

        def ask(wanted: int) -> list[Hit]:
            request = qdrant_edge.QueryRequest(
                query=qdrant_edge.Query.Nearest(direction.tolist()),
                filter=condition,
                limit=wanted,
                params=parameters(condition is not None),
                with_payload=True,
            )
            points = self._shard.query(request)
            return [Hit(from_payload(point.payload or {}), point.score) for point in points]

        with engine_errors(self._folder.path):
            return matching_hits(ask, top, where)

    def scan(self, where: Filter = EVERYTHING, batch: int = 1024) -> Iterator[Entries]:
        """All entries for which `where` holds, in in_parts of at most `batch`."""
        found = normalize_filter(where)
        offset: Any = None
        while found is not None:
            with engine_errors(self._folder.path):
                records, offset = self._shard.scroll(
                    qdrant_edge.ScrollRequest(
                        offset=offset,
                        limit=batch,
                        filter=to_filter(found),
                        with_payload=True,
                        with_vector=True,
                    )
                )
            if (held := matching_records(records, where)) is not None:
                yield held
            if offset is None:
                return

    def delete(self, where: Filter) -> int:
        """Remove entries for good and say how many: every file that holds one is rewritten without it."""
        self._folder.refuse_read_only()
        with self._changing, engine_errors(self._folder.path):
            keys = [entry.key for part in self.scan(where) for entry in part.entries]
            if not keys:
                return 0
            self._folder.need_room(2 * self._folder.size(), "rewriting the files without what is deleted")
            self._folder.begin_cleaning()
            for start in range(0, len(keys), _AT_ONCE):
                self._shard.update(
                    qdrant_edge.UpdateOperation.delete_points([*keys[start : start + _AT_ONCE]])
                )
            self._shard.flush()
            self._clean()
        return len(keys)

    def describe(self) -> Description:
        """What is there."""
        with engine_errors(self._folder.path):
            count = self._shard.count(qdrant_edge.CountRequest(exact=True))
            cameras: dict[str | None, int] = {**self._facet("camera")}
            if unknown := count - sum(cameras.values()):
                cameras[None] = unknown
            return Description(
                str(self._folder.path),
                f"Qdrant Edge {importlib.metadata.version('qdrant-edge-py')}",
                self._model,
                count,
                cameras,
                self._facet("source"),
                self._extreme(qdrant_edge.Direction.Asc),
                self._extreme(qdrant_edge.Direction.Desc),
            )

    def close(self) -> None:
        """Let go of the folder."""
        with self._changing:
            self._shard.close()
            self._folder.release()

    def _put(self, part: Entries) -> None:
        """Hand entries to the engine: flushed where they replace others, else not yet."""
        keys = [entry.key for entry in part.entries]
        points = [
            qdrant_edge.Point(key, vector.tolist(), to_payload(entry))
            for key, vector, entry in zip(keys, part.vectors, part.entries, strict=True)
        ]
        known = [record.id for record in self._shard.retrieve([*keys], False, False)]
        if known:
            write_journal(self._folder.journal, part)
            # deleted first, so that no entry is half old and half new, and the bytes of the old one are tidied up
            self._shard.update(qdrant_edge.UpdateOperation.delete_points(known))
        self._shard.update(qdrant_edge.UpdateOperation.upsert_points(points))
        if known:
            self._shard.flush()
            self._folder.journal.unlink()

    def _facet(self, name: str) -> dict[str, int]:
        request = qdrant_edge.FacetRequest(name, limit=_VALUES, exact=True)
        return {str(hit.value): hit.count for hit in self._shard.facet(request)}

    def _extreme(self, direction: qdrant_edge.Direction) -> float | None:
        order = qdrant_edge.OrderBy("time", direction=direction)
        records, _ = self._shard.scroll(
            qdrant_edge.ScrollRequest(limit=1, order_by=order, with_payload=["when"], with_vector=False)
        )
        return float((records[0].payload or {})["when"]) if records else None

    def _build_graphs(self) -> None:
        """Index what was added since, once it is much; without room for it, searches stay exact and slower."""
        info = self._shard.info()
        waiting = info.points_count - info.indexed_vectors_count
        if waiting < self._segment:
            return
        try:
            self._folder.need_room(3 * self._folder.size() * waiting // info.points_count, "building a graph")
        except StorageError:
            return
        self._shard.optimize()
        self._shard.flush()

    def _clean(self) -> None:
        """Rewrite the files that hold deleted entries."""
        self._shard.optimize()
        self._shard.flush()
        self._folder.end_cleaning()

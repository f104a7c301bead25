"""The default store: Qdrant Edge, an embedded engine, in a folder.

An open store is thread-safe: searches run concurrently with each other and with one change; changes are serialized. One
process at a time can open the folder.

Entries are written to a journal before they replace others. The engine persists the deletion of an old entry before the
new one, so that a process killed between the two would lose both. The next opening of the gallery adds the entries in
the journal again.
"""

import importlib.metadata
import json
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
from reseen.files import write_atomically
from reseen.gallery.entries import Entries, Hit
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.store import Description, Store, unit_query
from reseen.gallery.stores.checks import batches, check_entries, refuse_other_model
from reseen.gallery.stores.edge_shard import (
    SEGMENT,
    configuration,
    create,
    engine_errors,
    search_params,
    to_filter,
)
from reseen.gallery.stores.gallery_folder import GalleryFolder
from reseen.gallery.stores.normalized_filter import matching_hits, matching_records, normalize_filter
from reseen.gallery.stores.payload import from_payload, to_payload
from reseen.reading import parse_as, read_archive

_ENGINE = "qdrant-edge"
_BATCH = 1_000
"""Entries per request to the engine."""
_MAX_VALUES = 1_000_000
"""Maximum number of cameras and of sources that are counted."""


class EdgeStore(Store):
    """A gallery in a folder; see `GalleryFolder` for its layout.

    Raises:
        GalleryError: the gallery does not exist and `create` is false, or it is damaged, in use or of another model.
        StorageError: the disk is full, or the folder cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        model: ModelIdentity | None = None,
        create: bool = False,
        segment: int | None = None,
    ) -> None:
        """Open or create a gallery; `segment` is the number of entries per HNSW graph, 50,000 by default."""
        self._segment = SEGMENT if segment is None else segment
        self._folder = GalleryFolder(Path(path), _ENGINE, model, create)
        self._model = self._folder.model
        self._changing = threading.Lock()
        try:
            refuse_other_model(str(path), self._model, model)
            with engine_errors(self._folder.path):
                self._shard = self._open()
                if (pending := read_journal(self._folder.journal)) is not None:
                    self._put(pending)
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
            self._folder.require_space(0, "a new gallery")
            shard = create(data, self._model.dimension, self._segment)
            self._folder.write_card()
            return shard
        if not (data / "segments").is_dir():
            raise GalleryError(f"{data}: its files are missing; index the crops into a new gallery")
        shutil.rmtree(data / "temp_segments", ignore_errors=True)  # left by a process killed while optimizing
        return qdrant_edge.EdgeShard.load(str(data), configuration(self._model.dimension, self._segment))

    def add(self, entries: Entries) -> None:
        """Add or, by key, replace entries; they are durable when this returns.

        After every 50,000 new entries an HNSW graph is built, which takes seconds and temporarily twice their space.
        """
        self._folder.refuse_read_only()
        check_entries(entries, self._model.dimension)
        if not len(entries):
            return
        payloads = sum(2 * len(entry.thumbnail) + len(entry.image) + 500 for entry in entries.entries)
        with self._changing, engine_errors(self._folder.path):
            self._folder.require_space(
                payloads + 2 * entries.vectors.nbytes, f"adding {len(entries):,} entries"
            )
            for part in batches(entries, _BATCH):
                self._put(part)
            self._shard.flush()
            self._build_graphs()

    def search(self, vector: Float32[np.ndarray, " d"], top: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `top` entries of highest cosine similarity among those that match `where`, most similar first."""
        direction = unit_query(vector, top, self._model.dimension)
        normalized = normalize_filter(where)
        if normalized is None:
            return []
        condition = to_filter(normalized)

        def fetch(limit: int) -> list[Hit]:
            request = qdrant_edge.QueryRequest(
                query=qdrant_edge.Query.Nearest(direction.tolist()),
                filter=condition,
                limit=limit,
                params=search_params(condition is not None),
                with_payload=True,
            )
            points = self._shard.query(request)
            return [Hit(from_payload(point.payload or {}), point.score) for point in points]

        with engine_errors(self._folder.path):
            return matching_hits(fetch, top, where)

    def scan(self, where: Filter = EVERYTHING, batch: int = 1024) -> Iterator[Entries]:
        """All entries that match `where`, in batches of at most `batch`."""
        normalized = normalize_filter(where)
        offset: Any = None
        while normalized is not None:
            with engine_errors(self._folder.path):
                records, offset = self._shard.scroll(
                    qdrant_edge.ScrollRequest(
                        offset=offset,
                        limit=batch,
                        filter=to_filter(normalized),
                        with_payload=True,
                        with_vector=True,
                    )
                )
            if (matching := matching_records(records, where)) is not None:
                yield matching
            if offset is None:
                return

    def delete(self, where: Filter) -> int:
        """Erase entries; returns how many. Every file that holds one is rewritten without it."""
        self._folder.refuse_read_only()
        with self._changing, engine_errors(self._folder.path):
            keys = [entry.key for part in self.scan(where) for entry in part.entries]
            if not keys:
                return 0
            self._folder.require_space(2 * self._folder.size(), "rewriting the files without what is deleted")
            self._folder.begin_cleaning()
            for start in range(0, len(keys), _BATCH):
                self._shard.update(qdrant_edge.UpdateOperation.delete_points([*keys[start : start + _BATCH]]))
            self._shard.flush()
            self._clean()
        return len(keys)

    def describe(self) -> Description:
        """Contents and origin of the store."""
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
        """Release the folder; a second call does nothing."""
        with self._changing:
            self._shard.close()
            self._folder.release()

    def _put(self, part: Entries) -> None:
        """Upsert entries; flushed if they replace others, else left to the caller."""
        keys = [entry.key for entry in part.entries]
        points = [
            qdrant_edge.Point(key, vector.tolist(), to_payload(entry))
            for key, vector, entry in zip(keys, part.vectors, part.entries, strict=True)
        ]
        replaced = [record.id for record in self._shard.retrieve([*keys], False, False)]
        if replaced:
            write_journal(self._folder.journal, part)
            # delete first: no entry mixes old and new values, and the old bytes are vacuumed
            self._shard.update(qdrant_edge.UpdateOperation.delete_points(replaced))
        self._shard.update(qdrant_edge.UpdateOperation.upsert_points(points))
        if replaced:
            self._shard.flush()
            self._folder.journal.unlink()

    def _facet(self, name: str) -> dict[str, int]:
        request = qdrant_edge.FacetRequest(name, limit=_MAX_VALUES, exact=True)
        return {str(hit.value): hit.count for hit in self._shard.facet(request)}

    def _extreme(self, direction: qdrant_edge.Direction) -> float | None:
        order = qdrant_edge.OrderBy("time", direction=direction)
        records, _ = self._shard.scroll(
            qdrant_edge.ScrollRequest(limit=1, order_by=order, with_payload=["when"], with_vector=False)
        )
        return float((records[0].payload or {})["when"]) if records else None

    def _build_graphs(self) -> None:
        """Build a graph over entries added since, once they fill a segment; without disk space, search stays exact."""
        info = self._shard.info()
        unindexed = info.points_count - info.indexed_vectors_count
        if unindexed < self._segment:
            return
        try:
            self._folder.require_space(
                3 * self._folder.size() * unindexed // info.points_count, "building a graph"
            )
        except StorageError:
            return
        self._shard.optimize()
        self._shard.flush()

    def _clean(self) -> None:
        """Rewrite the files that hold bytes of deleted entries."""
        self._shard.optimize()
        self._shard.flush()
        self._folder.end_cleaning()


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

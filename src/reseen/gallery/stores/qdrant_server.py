"""A store on a Qdrant server or cluster: the engine of the default store, for concurrent processes and hosts.

An open store is thread-safe.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32

from reseen.errors import GalleryError, StorageError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries, Hit
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.store import Description, Store, unit_query
from reseen.gallery.stores.address import parse_address
from reseen.gallery.stores.checks import batches, check_entries, refuse_other_model
from reseen.gallery.stores.normalized_filter import (
    matching_hits,
    matching_records,
    normalize_filter,
    widen_window,
)
from reseen.gallery.stores.payload import from_payload, to_payload

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

PATTERN = "qdrant://host:6333/name, or qdrant+https://:KEY@host:6333/name"
_PORT = 6333
_BATCH = 500
"""Entries per request."""
_EF_SEARCH = 128
_OVERSAMPLING = 2.0
_MAX_VALUES = 100_000
"""Maximum number of cameras and of sources that are counted."""


class QdrantServerStore(Store):
    """A gallery in one collection.

    Args:
        client: connection to the server.
        collection: name of the collection.
        address: the address for messages and descriptions, without a password.
        model: the model that the gallery must be of; None accepts any.
        create: create the collection for `model` if it does not exist.

    Raises:
        GalleryError: the server is unreachable or returns an error; the gallery does not exist and `create` is false;
            the collection is no gallery, or of another model.
    """

    def __init__(
        self,
        client: "QdrantClient",
        collection: str,
        address: str,
        model: ModelIdentity | None = None,
        create: bool = False,
    ) -> None:
        self._client: QdrantClient | None = client
        self._collection = collection
        self._address = address
        try:
            with self._session() as server:
                if not server.collection_exists(collection):
                    if not create or model is None:
                        raise GalleryError(f"{address}: there is no gallery; create one with `reseen index`")
                    _create(server, collection, model)
                self._model = self._read_model(server)
            refuse_other_model(address, self._model, model)
        except BaseException:
            self.close()
            raise

    def _read_model(self, server: "QdrantClient") -> ModelIdentity:
        metadata = server.get_collection(self._collection).config.metadata or {}
        if "reseen_model" not in metadata:
            raise GalleryError(
                f"{self._address}: this collection is no gallery of reseen; give the name of a gallery, or a new name"
            )
        return ModelIdentity.from_json(metadata["reseen_model"])

    def add(self, entries: Entries) -> None:
        """Add or, by key, replace entries; the server has logged them when this returns."""
        from qdrant_client import models

        check_entries(entries, self._model.dimension)
        with self._session() as server:
            for part in batches(entries, _BATCH):
                points = [
                    models.PointStruct(id=entry.key, vector=vector.tolist(), payload=to_payload(entry))
                    for entry, vector in zip(part.entries, part.vectors, strict=True)
                ]
                server.upsert(self._collection, points, wait=True)

    def search(self, vector: Float32[np.ndarray, " d"], top: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `top` entries of highest cosine similarity among those that match `where`, most similar first."""
        from qdrant_client import models

        direction = unit_query(vector, top, self._model.dimension)
        condition = _to_filter(where)
        if condition is None:
            return []
        parameters = models.SearchParams(
            hnsw_ef=_EF_SEARCH,
            quantization=models.QuantizationSearchParams(rescore=True, oversampling=_OVERSAMPLING),
            acorn=models.AcornSearchParams(enable=True, max_selectivity=0.9),
        )

        def fetch(limit: int) -> list[Hit]:
            with self._session() as server:
                response = server.query_points(
                    self._collection,
                    query=direction.tolist(),
                    query_filter=condition,
                    limit=limit,
                    search_params=parameters,
                    with_payload=True,
                )
            return [Hit(from_payload(point.payload or {}), point.score) for point in response.points]

        return matching_hits(fetch, top, where)

    def scan(self, where: Filter = EVERYTHING, batch: int = 1024) -> Iterator[Entries]:
        """All entries that match `where`, in batches of at most `batch`."""
        condition = _to_filter(where)
        offset: Any = None
        while condition is not None:
            with self._session() as server:
                records, offset = server.scroll(
                    self._collection,
                    condition,
                    limit=batch,
                    offset=offset,
                    with_payload=True,
                    with_vectors=True,
                )
            if (matching := matching_records(records, where)) is not None:
                yield matching
            if offset is None:
                return

    def delete(self, where: Filter) -> int:
        """Delete entries; returns how many. The server rewrites its files without them asynchronously.

        The client cannot force it; see docs/stores.md.
        """
        from qdrant_client import models

        with self._session() as server:
            keys = [entry.key for part in self.scan(where) for entry in part.entries]
            for start in range(0, len(keys), _BATCH):
                selector = models.PointIdsList(points=list(keys[start : start + _BATCH]))
                server.delete(self._collection, selector, wait=True)
        return len(keys)

    def describe(self) -> Description:
        """Contents and origin of the store."""
        with self._session() as server:
            count = server.count(self._collection, exact=True).count
            cameras: dict[str | None, int] = {**self._facet(server, "camera")}
            if unknown := count - sum(cameras.values()):
                cameras[None] = unknown
            return Description(
                self._address,
                f"Qdrant {server.info().version}",
                self._model,
                count,
                cameras,
                self._facet(server, "source"),
                self._extreme(server, "asc"),
                self._extreme(server, "desc"),
            )

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _facet(self, server: "QdrantClient", name: str) -> dict[str, int]:
        hits = server.facet(self._collection, name, limit=_MAX_VALUES, exact=True).hits
        return {str(hit.value): hit.count for hit in hits}

    def _extreme(self, server: "QdrantClient", direction: str) -> float | None:
        from qdrant_client import models

        order = models.OrderBy(key="time", direction=models.Direction(direction))
        records, _ = server.scroll(self._collection, limit=1, order_by=order, with_payload=["when"])
        return float((records[0].payload or {})["when"]) if records else None

    @contextmanager
    def _session(self) -> "Iterator[QdrantClient]":
        """The client, with its exceptions translated.

        Raises:
            StorageError: the server's disk is full.
            GalleryError: the store was closed, or the server is unreachable or returns an error.
        """
        from qdrant_client.http.exceptions import ApiException

        if self._client is None:
            raise GalleryError(f"{self._address}: this gallery was closed; open it again")
        try:
            yield self._client
        except ApiException as error:
            text = " ".join(str(error).split())[:300]
            if "No space left" in text or "disk" in text.lower():
                raise StorageError(f"{self._address}: the server's disk is full ({text})") from None
            raise GalleryError(
                f"{self._address}: the server cannot be reached or refuses the request ({text}); check the "
                "address, the API key and that the server is running"
            ) from None


def connect(address: str, model: ModelIdentity | None = None, create: bool = False) -> QdrantServerStore:
    """Open the store at `qdrant://host:6333/name`.

    Raises:
        GalleryError: as for `QdrantServerStore`, or qdrant-client is not installed.
    """
    parsed = parse_address(address, PATTERN)
    try:
        from qdrant_client import QdrantClient
    except ImportError:
        raise GalleryError(
            "a gallery on a Qdrant server needs the package qdrant-client; install it with pip install 'reseen[qdrant]'"
        ) from None
    client = QdrantClient(
        host=parsed.host,
        port=parsed.port or _PORT,
        https=parsed.scheme == "qdrant+https",
        api_key=parsed.password,
        check_compatibility=False,
    )
    return QdrantServerStore(client, parsed.name, parsed.redacted(), model, create)


def _create(server: "QdrantClient", collection: str, model: ModelIdentity) -> None:
    """Create a collection, configured so that the server rewrites every file that holds a deleted entry."""
    from qdrant_client import models

    server.create_collection(
        collection,
        vectors_config=models.VectorParams(size=model.dimension, distance=models.Distance.DOT),
        quantization_config=models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99)
        ),
        optimizers_config=models.OptimizersConfigDiff(deleted_threshold=0.0, vacuum_min_vector_number=100),
        metadata={"reseen_model": model.to_json(), "reseen_format": json.dumps(1)},
    )
    kinds = models.PayloadSchemaType
    fields = {"source": kinds.KEYWORD, "image": kinds.KEYWORD, "camera": kinds.KEYWORD, "time": kinds.FLOAT}
    for name, kind in (fields | {"cluster": kinds.INTEGER, "tracklet": kinds.INTEGER}).items():
        server.create_payload_index(collection, name, kind, wait=True)


def _to_filter(where: Filter) -> Any:
    """Convert a filter to Qdrant's; None if no entry can match."""
    from qdrant_client import models

    normalized = normalize_filter(where)
    if normalized is None:
        return None
    must: list[Any] = [
        models.FieldCondition(key=name, match=models.MatchAny(any=values))
        for name, values in (normalized.texts | normalized.numbers).items()
    ]
    if normalized.keys is not None:
        must.append(models.HasIdCondition(has_id=list(normalized.keys)))
    if normalized.after is not None or normalized.before is not None:
        after, before = widen_window(normalized.after, normalized.before)
        window = models.Range(gte=after, lt=before)
        must.append(models.FieldCondition(key="time", range=window))
    must_not: list[Any] = []
    if normalized.not_cameras:
        must_not.append(
            models.FieldCondition(key="camera", match=models.MatchAny(any=normalized.not_cameras))
        )
    return models.Filter(must=must, must_not=must_not)

"""A gallery on a Qdrant server or cluster: the same engine as the default store, for several processes and hosts.

Several threads may use one open store.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32

from reseen.errors import GalleryError, StorageError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.closing import Closing
from reseen.gallery.entries import Entries, Hit
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.store import Description, direction_of
from reseen.gallery.stores.address import read_address
from reseen.gallery.stores.checks import check_entries, in_parts, refuse_other_model
from reseen.gallery.stores.normalized_filter import (
    matching_hits,
    matching_records,
    normalize_filter,
    wider_filter,
)
from reseen.gallery.stores.payload import from_payload, to_payload

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

FORM = "qdrant://host:6333/name, or qdrant+https://:KEY@host:6333/name"
_PORT = 6333
_AT_ONCE = 500
_SEARCH_CANDIDATES = 128
_OVERSAMPLING = 2.0
_VALUES = 100_000


class QdrantServerStore(Closing):
    """A gallery in one collection.

    Args:
        client: A connection to the server.
        collection: The collection's name.
        address: Filter it is, as errors and descriptions show it.
        model: The model that must have made it.
        create: Make it for `model` where there is none.

    Raises:
        GalleryError: the server cannot be reached or refuses; there is no gallery and none is to be made; the
            collection is none of ours; another model made it.
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
            with self._talking() as server:
                if not server.collection_exists(collection):
                    if not create or model is None:
                        raise GalleryError(f"{address}: there is no gallery; make one with `reseen index`")
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
                f"{self._address}: this collection is no gallery of reseen; give the name of one, or a new name"
            )
        return ModelIdentity.from_json(metadata["reseen_model"])

    def add(self, entries: Entries) -> None:
        """Keep entries; one whose key is there replaces the old one. The server has logged them once this returns."""
        from qdrant_client import models

        check_entries(entries, self._model.dimension)
        with self._talking() as server:
            for part in in_parts(entries, _AT_ONCE):
                points = [
                    models.PointStruct(id=entry.key, vector=vector.tolist(), payload=to_payload(entry))
                    for entry, vector in zip(part.entries, part.vectors, strict=True)
                ]
                server.upsert(self._collection, points, wait=True)

    def search(self, vector: Float32[np.ndarray, " d"], top: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `top` entries nearest by cosine for which `where` holds, most similar first."""
        from qdrant_client import models

        direction = direction_of(vector, top, self._model.dimension)
        condition = _to_filter(where)
        if condition is None:
            return []
        parameters = models.SearchParams(
            hnsw_ef=_SEARCH_CANDIDATES,
            quantization=models.QuantizationSearchParams(rescore=True, oversampling=_OVERSAMPLING),
            acorn=models.AcornSearchParams(enable=True, max_selectivity=0.9),
        )

        def ask(wanted: int) -> list[Hit]:
            with self._talking() as server:
                answer = server.query_points(
                    self._collection,
                    query=direction.tolist(),
                    query_filter=condition,
                    limit=wanted,
                    search_params=parameters,
                    with_payload=True,
                )
            return [Hit(from_payload(point.payload or {}), point.score) for point in answer.points]

        return matching_hits(ask, top, where)

    def scan(self, where: Filter = EVERYTHING, batch: int = 1024) -> Iterator[Entries]:
        """All entries for which `where` holds, in in_parts of at most `batch`."""
        condition = _to_filter(where)
        offset: Any = None
        while condition is not None:
            with self._talking() as server:
                records, offset = server.scroll(
                    self._collection,
                    condition,
                    limit=batch,
                    offset=offset,
                    with_payload=True,
                    with_vectors=True,
                )
            if (held := matching_records(records, where)) is not None:
                yield held
            if offset is None:
                return

    def delete(self, where: Filter) -> int:
        """Remove entries and say how many; the server rewrites its files without them in its own time.

        A client cannot ask for more: docs/stores.md.
        """
        from qdrant_client import models

        with self._talking() as server:
            keys = [entry.key for part in self.scan(where) for entry in part.entries]
            for start in range(0, len(keys), _AT_ONCE):
                chosen = models.PointIdsList(points=list(keys[start : start + _AT_ONCE]))
                server.delete(self._collection, chosen, wait=True)
        return len(keys)

    def describe(self) -> Description:
        """What is there."""
        with self._talking() as server:
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
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _facet(self, server: "QdrantClient", name: str) -> dict[str, int]:
        hits = server.facet(self._collection, name, limit=_VALUES, exact=True).hits
        return {str(hit.value): hit.count for hit in hits}

    def _extreme(self, server: "QdrantClient", direction: str) -> float | None:
        from qdrant_client import models

        order = models.OrderBy(key="time", direction=models.Direction(direction))
        records, _ = server.scroll(self._collection, limit=1, order_by=order, with_payload=["when"])
        return float((records[0].payload or {})["when"]) if records else None

    @contextmanager
    def _talking(self) -> "Iterator[QdrantClient]":
        """The client; what it raises becomes an error of ours."""
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
                f"{self._address}: the server cannot be reached or refuses ({text}); check the address, the key "
                "and that it runs"
            ) from None


def connect(address: str, model: ModelIdentity | None = None, create: bool = False) -> QdrantServerStore:
    """The store at `qdrant://host:6333/name`.

    Raises:
        GalleryError: as `QdrantServerStore`, and where qdrant-client is not installed.
    """
    in_parts = read_address(address, FORM)
    try:
        from qdrant_client import QdrantClient
    except ImportError:
        raise GalleryError(
            "a gallery on a Qdrant server needs the package qdrant-client; install it with pip install 'reseen[qdrant]'"
        ) from None
    client = QdrantClient(
        host=in_parts.host,
        port=in_parts.port or _PORT,
        https=in_parts.scheme == "qdrant+https",
        api_key=in_parts.password,
        check_compatibility=False,
    )
    return QdrantServerStore(client, in_parts.name, in_parts.shown(), model, create)


def _create(server: "QdrantClient", collection: str, model: ModelIdentity) -> None:
    """A collection set as the embedded store is; the server rewrites every file that holds a deleted entry."""
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
    """The normalize_filter in Qdrant's words; None where no entry can fulfil them."""
    from qdrant_client import models

    found = normalize_filter(where)
    if found is None:
        return None
    must: list[Any] = [
        models.FieldCondition(key=name, match=models.MatchAny(any=values))
        for name, values in (found.words | found.numbers).items()
    ]
    if found.keys is not None:
        must.append(models.HasIdCondition(has_id=list(found.keys)))
    if found.after is not None or found.before is not None:
        after, before = wider_filter(found.after, found.before)
        window = models.Range(gte=after, lt=before)
        must.append(models.FieldCondition(key="time", range=window))
    must_not: list[Any] = []
    if found.not_cameras:
        must_not.append(models.FieldCondition(key="camera", match=models.MatchAny(any=found.not_cameras)))
    return models.Filter(must=must, must_not=must_not)

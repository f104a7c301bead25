"""Configuration of Qdrant Edge: vector and payload indexes, search parameters, and error translation."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import qdrant_edge

from reseen.errors import GalleryError
from reseen.files import storage_error
from reseen.gallery.stores.normalized_filter import NormalizedFilter, widen_window

SEGMENT = 50_000
"""Number of entries from which a segment gets an HNSW graph; smaller ones are searched exactly."""
_FULL_SCAN = 0.2
"""Filters that leave at most this share of a segment's entries are searched exactly."""
_HNSW_M = 16
_EF_CONSTRUCT = 100
_EF_SEARCH = 128
_EF_FILTERED = 96
_ACORN_BELOW = 0.9
"""Share of matching entries below which the graph search also traverses non-matching ones (ACORN)."""
_OVERSAMPLING = 2.0
_ERROR_TEXTS = {
    errno.ENOSPC: "No space left",
    errno.EDQUOT: "Disk quota",
    errno.EFBIG: "File too large",
    errno.EMFILE: "Too many open files",
}
"""Texts of system errors that the engine repeats without the number."""
_SYSTEM_ERRORS = {
    errno.EACCES, errno.EAGAIN, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
    errno.ENOSPC, errno.EPERM, errno.EROFS,
}  # fmt: skip
"""Errors of disk, permissions or resources; they do not indicate damaged files."""


def search_params(filtered: bool) -> qdrant_edge.SearchParams:
    """Search parameters; twice the requested number of candidates is rescored in float32."""
    acorn = qdrant_edge.AcornSearchParams(enable=filtered, max_selectivity=_ACORN_BELOW)
    return qdrant_edge.SearchParams(
        hnsw_ef=_EF_FILTERED if filtered else _EF_SEARCH,
        quantization=qdrant_edge.QuantizationSearchParams(rescore=True, oversampling=_OVERSAMPLING),
        acorn=acorn,
    )


def configuration(dimension: int, segment: int) -> qdrant_edge.EdgeConfig:
    """Shard configuration: float32 vectors, an int8 copy for graphs, and no write-ahead log.

    Without the log, a write is durable once flushed, and no second copy of a deleted entry remains. Optimizing rewrites
    every segment with a deleted entry.
    """
    kilobytes = dimension * 4 / 1024
    return qdrant_edge.EdgeConfig(
        vectors=qdrant_edge.EdgeVectorParams(size=dimension, distance=qdrant_edge.Distance.Dot),
        wal_enabled=False,
        quantization_config=qdrant_edge.ScalarQuantizationConfig(qdrant_edge.ScalarType.Int8, quantile=0.99),
        hnsw_config=qdrant_edge.HnswIndexConfig(
            m=_HNSW_M,
            ef_construct=_EF_CONSTRUCT,
            full_scan_threshold=max(1, int(_FULL_SCAN * segment * kilobytes)),
        ),
        optimizers=qdrant_edge.EdgeOptimizersConfig(
            deleted_threshold=0.0,
            vacuum_min_vector_number=0,
            indexing_threshold=max(1, int(0.9 * segment * kilobytes)),
            max_segment_size=max(1, int(1.5 * segment * kilobytes)),
            default_segment_number=2,
        ),
    )


def create(path: Path, dimension: int, segment: int) -> qdrant_edge.EdgeShard:
    """Create a shard in a new folder, with indexes of the fields that filters use."""
    path.mkdir(parents=True)
    shard = qdrant_edge.EdgeShard.create(str(path), configuration(dimension, segment))
    fields = {
        "source": qdrant_edge.KeywordIndexParams(enable_hnsw=False),
        "image": qdrant_edge.KeywordIndexParams(enable_hnsw=False),
        "camera": qdrant_edge.KeywordIndexParams(enable_hnsw=False, memory=qdrant_edge.Memory.Pinned),
        "time": qdrant_edge.FloatIndexParams(
            enable_hnsw=False, is_principal=True, memory=qdrant_edge.Memory.Pinned
        ),
        "cluster": qdrant_edge.IntegerIndexParams(lookup=True, range=False, enable_hnsw=False),
        "tracklet": qdrant_edge.IntegerIndexParams(lookup=True, range=False, enable_hnsw=False),
    }
    for name, index in fields.items():
        shard.update(qdrant_edge.UpdateOperation.create_field_index(name, index))
    shard.flush()
    return shard


def to_filter(normalized: NormalizedFilter) -> qdrant_edge.Filter | None:
    """Convert a filter to Qdrant Edge's; None if it has no condition."""
    if normalized.everything:
        return None
    must: list[qdrant_edge.ConditionType] = [
        qdrant_edge.FieldCondition(name, match=qdrant_edge.MatchAny(values))
        for name, values in (normalized.texts | normalized.numbers).items()
    ]
    if normalized.keys is not None:
        must.append(qdrant_edge.HasIdCondition(set(normalized.keys)))
    if normalized.after is not None or normalized.before is not None:
        after, before = widen_window(normalized.after, normalized.before)
        window = qdrant_edge.RangeFloat(gte=after, lt=before)
        must.append(qdrant_edge.FieldCondition("time", range=window))
    must_not: list[qdrant_edge.ConditionType] = []
    if normalized.not_cameras:
        must_not.append(
            qdrant_edge.FieldCondition("camera", match=qdrant_edge.MatchAny(normalized.not_cameras))
        )
    return qdrant_edge.Filter(must=must, must_not=must_not)


def _system_error(text: str) -> OSError | None:
    """The system error behind an engine error; None if the text indicates damaged files."""
    number = re.search(r"\(os error (\d+)\)", text)
    code = (
        int(number[1])
        if number
        else next((code for code, message in _ERROR_TEXTS.items() if message in text), 0)
    )
    return OSError(code, os.strerror(code)) if code in _SYSTEM_ERRORS else None


@contextmanager
def engine_errors(path: Path) -> Iterator[None]:
    """Translate exceptions of the engine.

    Raises:
        StorageError: disk, permissions or resources.
        GalleryError: the store was closed, or its files are damaged or of another version.
    """
    try:
        yield
    except BaseException as error:
        # the engine raises bare Exceptions, and PanicException (a BaseException) for broken invariants
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        text = " ".join(str(error).split())[:300]
        if "not initialized" in text:
            raise GalleryError(f"{path}: this gallery was closed; open it again") from None
        if (system_error := _system_error(text)) is not None:
            raise storage_error(path, system_error) from None
        raise GalleryError(
            f"{path}: its files are damaged or of another version ({text}); index the crops into a new gallery"
        ) from None

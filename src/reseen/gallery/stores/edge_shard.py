"""Qdrant Edge as this package sets it: what is indexed, and from how many entries on."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import qdrant_edge

from reseen.errors import GalleryError
from reseen.files import storage_error
from reseen.gallery.stores.normalized_filter import NormalizedFilter, wider_filter

SEGMENT = 50_000
"""Entries that are searched exactly until there are so many; then they get a graph of their own."""
_FULL_SCAN = 0.2
"""Share of a segment's entries up to which those that a filter leaves are compared one by one."""
_LINKS = 16
_LINK_CANDIDATES = 100
_SEARCH_CANDIDATES = 128
_FILTERED_CANDIDATES = 96
_WALK_FURTHER_BELOW = 0.9
"""Share of entries for which a condition holds, below which a graph is walked through the others too."""
_OVERSAMPLING = 2.0
_SAID = {
    errno.ENOSPC: "No space left",
    errno.EDQUOT: "Disk quota",
    errno.EFBIG: "File too large",
    errno.EMFILE: "Too many open files",
}
"""Where the engine repeats the system's words without the number."""
_OF_THE_SYSTEM = {
    errno.EACCES, errno.EAGAIN, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
    errno.ENOSPC, errno.EPERM, errno.EROFS,
}  # fmt: skip
"""Errors that say nothing of what is in the files."""


def parameters(filtered: bool) -> qdrant_edge.SearchParams:
    """How to search: twice the candidates asked for are compared again in float32."""
    further = qdrant_edge.AcornSearchParams(enable=filtered, max_selectivity=_WALK_FURTHER_BELOW)
    return qdrant_edge.SearchParams(
        hnsw_ef=_FILTERED_CANDIDATES if filtered else _SEARCH_CANDIDATES,
        quantization=qdrant_edge.QuantizationSearchParams(rescore=True, oversampling=_OVERSAMPLING),
        acorn=further,
    )


def configuration(dimension: int, segment: int) -> qdrant_edge.EdgeConfig:
    """Vectors in float32, with a copy in 8 bits that graphs are built and walked on; no log of writes.

    Without a log a write is durable once flushed, and no second copy of an entry outlives it. Every segment with a
    deleted entry is rewritten when the engine tidies up.
    """
    kilobytes = dimension * 4 / 1024
    return qdrant_edge.EdgeConfig(
        vectors=qdrant_edge.EdgeVectorParams(size=dimension, distance=qdrant_edge.Distance.Dot),
        wal_enabled=False,
        quantization_config=qdrant_edge.ScalarQuantizationConfig(qdrant_edge.ScalarType.Int8, quantile=0.99),
        hnsw_config=qdrant_edge.HnswIndexConfig(
            m=_LINKS,
            ef_construct=_LINK_CANDIDATES,
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
    """A new shard in a new folder, with the fields that searches filter by."""
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
    for name, parameters in fields.items():
        shard.update(qdrant_edge.UpdateOperation.create_field_index(name, parameters))
    shard.flush()
    return shard


def to_filter(found: NormalizedFilter) -> qdrant_edge.Filter | None:
    """The same conditions in Qdrant Edge's words; None where there is none."""
    if found.everything:
        return None
    must: list[qdrant_edge.ConditionType] = [
        qdrant_edge.FieldCondition(name, match=qdrant_edge.MatchAny(values))
        for name, values in (found.words | found.numbers).items()
    ]
    if found.keys is not None:
        must.append(qdrant_edge.HasIdCondition(set(found.keys)))
    if found.after is not None or found.before is not None:
        after, before = wider_filter(found.after, found.before)
        window = qdrant_edge.RangeFloat(gte=after, lt=before)
        must.append(qdrant_edge.FieldCondition("time", range=window))
    must_not: list[qdrant_edge.ConditionType] = []
    if found.not_cameras:
        must_not.append(qdrant_edge.FieldCondition("camera", match=qdrant_edge.MatchAny(found.not_cameras)))
    return qdrant_edge.Filter(must=must, must_not=must_not)


def _system_error(text: str) -> OSError | None:
    """What the system said, where it refused to write, or to read what may well be whole; None for damaged files."""
    number = re.search(r"\(os error (\d+)\)", text)
    code = int(number[1]) if number else next((code for code, words in _SAID.items() if words in text), 0)
    return OSError(code, os.strerror(code)) if code in _OF_THE_SYSTEM else None


@contextmanager
def engine_errors(path: Path) -> Iterator[None]:
    """Turn what the engine raises, which is a bare Exception, into an error of ours."""
    try:
        yield
    except BaseException as error:
        # the engine raises bare Exceptions, and a kind of its own where it meets what it holds to be impossible
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        text = " ".join(str(error).split())[:300]
        if "not initialized" in text:
            raise GalleryError(f"{path}: this gallery was closed; open it again") from None
        if (found := _system_error(text)) is not None:
            raise storage_error(path, found) from None
        raise GalleryError(
            f"{path}: its files are damaged or of another version ({text}); index the crops into a new gallery"
        ) from None

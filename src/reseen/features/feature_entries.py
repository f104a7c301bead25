"""Where the cache of features is, and what it holds; without torch, so that `reseen cache` starts at once."""

from dataclasses import dataclass
from pathlib import Path

from reseen.data import pixel_cache as cache

FEATURES = "features"
"""Name of the folder of the cache, beside that of the decoded crops."""

BATCH_SUFFIX = ".batch"
"""Suffix of a file with the outputs of a batch: a checksum, and float32 numbers, little-endian, row after row."""

CHECKSUM_BYTES = 16
"""Bytes of the checksum, BLAKE2b of the numbers."""


@dataclass(frozen=True)
class FeatureEntry:
    """What the cache holds of one encoder and one folder of crops."""

    entry: cache.CacheEntry
    crops: int
    """Number of crops with features; one that is in two batches counts twice."""


def feature_folder(chosen: Path | None = None) -> Path:
    """The folder of the entries: `features` beside the decoded crops, in `chosen` or the user's cache folder."""
    return cache.cache_folder(chosen).with_name(FEATURES)


def feature_entries(folder: Path) -> list[FeatureEntry]:
    """All entries of the cache, least recently used first; unreadable ones are skipped."""
    listed = []
    for entry in cache.entries(folder):
        dimension = entry.details.get("dimension")
        sizes = [file.stat().st_size - CHECKSUM_BYTES for file in batch_files(entry.folder)]
        count = sum(sizes) // (4 * dimension) if isinstance(dimension, int) and dimension > 0 else 0
        listed.append(FeatureEntry(entry, count))
    return listed


def batch_files(entry: Path) -> list[Path]:
    """The files of the batches of an entry, by name."""
    return sorted(entry.glob(f"*{BATCH_SUFFIX}"))

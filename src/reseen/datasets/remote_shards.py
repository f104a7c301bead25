"""The index of images in WebDataset shards at an fsspec address, such as `s3://bucket/shards`."""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import fsspec

from reseen.data.decode import MOST_BYTES, UnreadableError, read_bytes
from reseen.data.progress import ProgressBar
from reseen.data.table import ImageSource, ImageTable
from reseen.datasets import shards
from reseen.errors import DataError
from reseen.records import UNKNOWN_CAMERA


@dataclass(frozen=True)
class CropLocations:
    """Paths, cameras and byte locations of crops, one entry per crop."""

    paths: tuple[str, ...]
    cameras: tuple[str | None, ...]
    """Camera name; None where unknown."""
    places: tuple[str, ...]
    """File or address that contains the bytes."""
    spans: tuple[tuple[int, int] | None, ...]
    """Offset and length in bytes; None for the whole file."""
    fingerprint: str
    """A hash that changes with the crops."""

    def __len__(self) -> int:
        return len(self.paths)


def locate_crops(table: ImageTable) -> CropLocations:
    """The locations of a table's crops on this disk."""
    sources = [table.source(row) for row in range(len(table))]
    names = table.camera_names
    return CropLocations(
        table.texts,
        tuple(None if camera == UNKNOWN_CAMERA else names[camera] for camera in table.cameras.tolist()),
        tuple(str(source.path) for source in sources),
        tuple(None if source.size is None else (source.start, source.size) for source in sources),
        table.fingerprint,
    )


def read_remote(address: str) -> CropLocations:
    """Locate the training images in the shards at an address, or in one shard; only tar headers are read.

    Raises:
        DataError: there is no shard, fsspec does not support the address, or a shard cannot be read.
    """
    try:
        system, root = fsspec.core.url_to_fs(address)
        entries = [root] if system.isfile(root) else system.ls(root, detail=False)
    except (OSError, ImportError, ValueError) as error:
        raise DataError(f"{address}: cannot be opened ({error})") from None
    files = sorted(str(file) for file in entries if str(file).endswith(".tar"))
    if not files:
        raise DataError(f"{address}: no shard; remote crops must be in WebDataset shards, which end in .tar")
    digest, samples, places = hashlib.sha256(), [], []
    with ProgressBar("Indexing shards", len(files), True) as bar:
        for file, default_split in zip(files, shards.splits_by_name(files), strict=True):
            digest.update(f"{file} {system.ukey(file)}\n".encode())
            with system.open(file, "rb") as content:
                inside = shards.training_samples(PurePosixPath(file), content, default_split)
            samples += inside
            places += [system.unstrip_protocol(file)] * len(inside)
            bar.advance(1)
    if not samples:
        raise DataError(f"{address}: no image of split 'train' in {len(files):,} shards")
    return CropLocations(
        tuple(sample.path for sample in samples),
        tuple(shards.camera(sample) for sample in samples),
        tuple(places),
        tuple(sample.span for sample in samples),
        digest.hexdigest(),
    )


def read_location(location: str, span: tuple[int, int] | None) -> bytes:
    """Read the bytes of a crop from one of `CropLocations.places`, a file or an address.

    Raises:
        UnreadableError: the file cannot be opened, is empty, or the crop is larger than `MOST_BYTES`.
    """
    if "://" not in location:
        return read_bytes(ImageSource(Path(location), *(span or ())))
    start, size = span or (0, None)
    if size is not None and size > MOST_BYTES:
        raise UnreadableError(f"file of {size / 1e6:,.0f} MB, more than {MOST_BYTES / 1e6:,.0f} MB")
    try:
        system, path = fsspec.core.url_to_fs(location)
        content = system.cat_file(path, start, None if size is None else start + size)
    except OSError as error:
        raise UnreadableError(f"cannot be opened: {error.strerror or type(error).__name__}") from None
    if not content:
        raise UnreadableError("empty file")
    return content

"""The cache of features on disk, so that commands that embed the same crops with the same model do it once.

An entry is a folder for one encoder, one way of computing and one folder of crops; it grows by a file per batch of
crops. How numbers are rounded depends on the batch that a crop is in, so a file holds the outputs of exactly one batch:
what is read has the bits that would be computed. A file that is damaged, or of crops that have changed since, is not
used. Nothing is locked: files are written under a temporary name and renamed, and an entry that another process has
removed is not made again by those who were writing into it.
"""

import functools
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor

from reseen import models
from reseen.data import pixel_cache as cache
from reseen.data.crops import Crops
from reseen.data.decode import DECODE_VERSION
from reseen.data.decode_table import crop_hashes
from reseen.environment import processor, versions
from reseen.errors import StorageError
from reseen.features.feature_entries import BATCH_SUFFIX, CHECKSUM_BYTES, batch_files, feature_folder
from reseen.files import create_file, host_name, is_alive
from reseen.models import Encoder
from reseen.models.encoder_fingerprint import fingerprint
from reseen.reading import read_regular
from reseen.runs.run import Run

FEATURE_CACHE_GIGABYTES = 4.0
"""Default size limit of the cache, in 10^9 bytes."""

_FORMAT = 1
_SPARE_BYTES = 200_000_000


class FeatureCache:
    """Outputs of one encoder for crops of one folder. Made by `open_feature_cache`."""

    def __init__(self, entry: Path, dimension: int, limit_bytes: int) -> None:
        self._entry, self._dimension, self._limit = entry, dimension, limit_bytes
        self._writable = True
        self._room: int | None = None
        self._used: set[str] = set()
        self.read = 0
        """Number of crops whose outputs were read from the cache, by all processes that share the work."""

    def outputs(
        self,
        crops: Crops,
        rows: Int64[Tensor, " b"],
        kind: str,
        compute: Callable[[], Float32[Tensor, "b d"]],
    ) -> Float32[Tensor, "b d"]:
        """The outputs (b, d) of a batch of `crops`: from the cache, else by `compute`, and then kept.

        `kind` says how they are computed, beyond what `open_feature_cache` knows.
        """
        hashes = crops.store.hashes
        if hashes is None:
            return compute()
        of_batch = hashes[crops.store_rows[rows].numpy()]
        name = _batch_name(of_batch, f"{kind} {crops.occlusion}")
        stored = self._load(name, len(rows))
        if stored is not None:
            self.read += len(rows)
            return stored
        outputs = compute().float().cpu().contiguous()
        if self._writable and np.array_equal(_hashes_now(crops, rows), of_batch):
            self._store(name, outputs)
        return outputs

    def _load(self, name: str, rows: int) -> Float32[Tensor, "b d"] | None:
        file = self._entry / name
        size = rows * self._dimension * 4
        try:
            content = read_regular(file, CHECKSUM_BYTES + size)
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            content = b""
        checksum, numbers = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
        if len(numbers) != size or checksum != _checksum(numbers):
            with suppress(OSError):
                file.unlink()
            return None
        self._used.add(name)
        with suppress(OSError):  # a cache that cannot be written can be read
            os.utime(file)
        return torch.from_numpy(np.frombuffer(numbers, dtype="<f4").reshape(rows, self._dimension).copy())

    def _store(self, name: str, outputs: Float32[Tensor, "b d"]) -> None:
        """Write a file; after the first failure, nothing more is written."""
        numbers = outputs.numpy().astype("<f4").tobytes()
        temporary = self._entry / f".{name}-{host_name()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        try:
            if not self._make_room(CHECKSUM_BYTES + len(numbers)):
                self._writable = False
                return
            try:
                with create_file(temporary) as file:
                    file.write(_checksum(numbers) + numbers)
                temporary.rename(self._entry / name)
            finally:
                temporary.unlink(missing_ok=True)
        except (OSError, StorageError):  # full, read-only, or the entry is gone
            self._writable = False
            return
        self._used.add(name)

    def _make_room(self, needed: int) -> bool:
        """Whether so many bytes may be written, after what was not used for longest is removed.

        First other entries go, then files of this one that this process has neither read nor written.
        """
        folder = self._entry.parent
        if self._room is None:
            total = sum(entry.size_bytes for entry in cache.entries(folder))
            self._room = min(self._limit - total, shutil.disk_usage(folder).free - _SPARE_BYTES)
        for other in cache.entries(folder) if self._room < needed else ():
            if self._room < needed and other.folder != self._entry:
                cache.remove(other.folder)
                self._room += 0 if other.folder.exists() else other.size_bytes
        if self._room < needed:
            unused = [file for file in batch_files(self._entry) if file.name not in self._used]
            for file in sorted(unused, key=lambda file: file.stat().st_mtime):
                if self._room < needed:
                    self._room += file.stat().st_size
                    file.unlink()
        if self._room < needed:
            return False
        self._room -= needed
        return True


def open_feature_cache(
    run: Run,
    encoder: Encoder,
    crops: Crops,
    device: torch.device,
    limit_gigabytes: float,
    *,
    engine: str = "",
) -> FeatureCache | None:
    """The cache of an encoder's outputs for crops of one table, or None if `limit_gigabytes` is 0 or less.

    Entries differ in all that outputs depend on besides the pixels: weights, settings and arithmetic of the encoder,
    crop size and decoding, number of threads, device, and versions. Where the cache cannot be written, what it has is
    read and nothing is added.

    Args:
        run: the run of the encoder; its recipe can name the folder of the cache.
        encoder: the encoder, on `device`.
        crops: the crops, or all of which parts will be embedded.
        device: where outputs are computed.
        limit_gigabytes: size limit of the whole cache, in 10^9 bytes.
        engine: the `key` of the engine that computes in place of the encoder.

    Example:
        >>> cache = open_feature_cache(run, encoder, crops, device, 4.0)
        >>> features = extract(encoder, crops, device, cache=cache)
    """
    if limit_gigabytes <= 0:
        return None
    table = crops.store.table
    folder = feature_folder(run.reading.cache_dir)
    sources = cache.source_folders(table.root, table.paths)
    identity = "\0".join([_computation(encoder, crops, device), *([engine] if engine else []), *sources])
    entry = folder / hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    details = {
        "root": str(table.root), "images": len(table), "height": encoder.height, "width": encoder.width,
        "problems": {}, "dimension": encoder.dimension, "run": str(run.folder.absolute()),
        "backbone": encoder.settings.backbone,
    }  # fmt: skip
    with suppress(OSError):
        cache.remove_stale(folder)
        if (entry / cache.DETAILS_FILE).exists():
            cache.touch(entry)
            _remove_unfinished(entry)
        else:
            cache.create_entry(folder, entry.name, lambda _entry: details, sources)
    return FeatureCache(entry, encoder.dimension, int(limit_gigabytes * 1e9))


def cache_notes(kept: FeatureCache | None, total: int, name: str = "") -> tuple[str, ...]:
    """What is said after `total` crops were embedded, of which some came from the cache; empty if none did."""
    prefix = f"{name}: " if name else ""
    if kept is None or not kept.read:
        return ()
    return (f"{prefix}features read from the cache: {kept.read:,} of {total:,} crops",)


def _computation(encoder: Encoder, crops: Crops, device: torch.device) -> str:
    """All that outputs depend on besides the crops themselves."""
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    facts = (
        _FORMAT, _code(), fingerprint(encoder), encoder.settings.model_dump_json(), encoder.raw,
        encoder.arithmetic, DECODE_VERSION, crops.store.height, crops.store.width, crops.store.white_level,
        device.type, gpu, processor(), torch.backends.cpu.get_cpu_capability(), os.environ.get("ONEDNN_MAX_CPU_ISA"),
        torch.get_num_threads(), torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32,
        sorted(versions().items()),
    )  # fmt: skip
    return repr(facts)


@functools.cache
def _code() -> str:
    """Hash of the code of the models, so that features of an older state of it are not taken for those of this one."""
    digest = hashlib.sha256()
    for file in sorted(Path(models.__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _batch_name(hashes: UInt8[np.ndarray, "b 16"], kind: str) -> str:
    digest = hashlib.blake2b(f"{kind}\0".encode() + hashes.tobytes(), digest_size=16).hexdigest()
    return f"{digest}{BATCH_SUFFIX}"


def _hashes_now(crops: Crops, rows: Int64[Tensor, " b"]) -> UInt8[np.ndarray, "b 16"]:
    """Hashes of the files as they are now, to be compared with those of the time when they were opened."""
    table, chosen = crops.table, rows.tolist()
    return crop_hashes([table.paths[row] for row in chosen], [table.source(row).stamp() for row in chosen])


def _remove_unfinished(entry: Path) -> None:
    """Remove what processes of this machine that have ended were writing."""
    for file in entry.glob(f".*{BATCH_SUFFIX}-*"):
        host, process = file.name.split("-")[-3:-1]
        if host == host_name() and process.isdecimal() and not is_alive(int(process)):
            file.unlink(missing_ok=True)


def _checksum(numbers: bytes) -> bytes:
    return hashlib.blake2b(numbers, digest_size=CHECKSUM_BYTES).digest()

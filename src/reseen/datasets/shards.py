"""WebDataset shards: `.tar` files of images, each with an optional `.json` of the same name.

A single shard or a folder of them. Every shard is indexed once; pixels are later read from their offsets in the shard,
without unpacking. A crop's path is `shard.tar::member`. The JSON keys `camera`, `tracklet` and `time`, and for
evaluation `split` and `identity`, are read as in a manifest; others are ignored. If images have no `split` and the
folder has shards of several splits, shards named `query-...`, `gallery-...`, `val-...` or `test-...` are not used for
training. Compressed shards (`.tar.gz`) are refused, because they have no random access.
Reference: the WebDataset format, in which the files of a sample share the base name up to its first dot.
"""

import os
import re
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any, NamedTuple

from reseen.config import suggestion
from reseen.data.progress import ProgressBar
from reseen.data.times import Time, parse_time, to_seconds
from reseen.datasets.dataset import Dataset, Layout
from reseen.datasets.folder import IMAGE_SUFFIXES
from reseen.datasets.namings import part_of
from reseen.datasets.raw_rows import LabeledRows, Rows, number_people
from reseen.datasets.tar_members import DAMAGED, members_of
from reseen.datasets.values import camera_name, label
from reseen.errors import DataError
from reseen.reading import open_regular, parse_json

BETWEEN = "::"
"""Separator of shard and member in a path."""

SPLITS = ("train", "query", "gallery")
_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_MOST_JSON = 1_000_000


class Sample(NamedTuple):
    """An image in a shard."""

    path: str
    """Path of the crop, `shard.tar::member`."""
    span: tuple[int, int]
    """Offset and length in bytes."""
    metadata: dict[str, Any]
    """Content of the JSON file of the same name; empty without one."""
    default_split: str = "train"
    """Split of the shard, used if the JSON has none; shards of the split `held out` are never read."""


def matches(root: Path) -> bool:
    """Whether this is a shard or a folder that contains shards."""
    return bool(_shards(root))


def has_identities(root: Path) -> bool:
    """Whether an image of the first shard has an identity.

    Raises:
        DataError: as in `training`.
    """
    return any(_text(sample, "identity") is not None for sample in _index(_some_shards(root)[0]))


def training(root: Path, _variant: str) -> Rows:
    """The images of split `train`; identities are not read.

    Raises:
        DataError: a shard cannot be read, is compressed, or contains no image, or a JSON file is invalid.
    """
    samples = [sample for sample in _samples(root) if _split(sample) == "train"]
    if not samples:
        raise DataError(f"{root}: no image of split 'train' in these shards")
    return _rows(root, samples)


def parts(root: Path) -> dict[str, Rows]:
    """All present splits, without identities.

    Raises:
        DataError: as in `training`.
    """
    samples = _samples(root)
    by_split = {name: [sample for sample in samples if _split(sample) == name] for name in SPLITS}
    rows = {name: _rows(root, members) for name, members in by_split.items() if members}
    return rows or {"train": training(root, "")}


def splits(root: Path, _variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits in `names`, or all present ones if None, with identities that are shared by all splits.

    Raises:
        DataError: as in `training`, or a split is empty, or one of its images has no identity.
    """
    samples = _samples(root)
    if names is None:
        present = {_split(sample) for sample in samples}
        names = [name for name in SPLITS if name in present]
    by_split = {name: [sample for sample in samples if _split(sample) == name] for name in names}
    empty = [name for name, members in by_split.items() if not members]
    if empty:
        raise DataError(
            f"{root}: no image of split '{empty[0]}'; set `split` and `identity` in the JSON file of each image"
        )
    selected = [sample for members in by_split.values() for sample in members]
    unlabeled = [sample.path for sample in selected if _text(sample, "identity") is None]
    if unlabeled:
        raise DataError(
            f"{root}: {len(unlabeled):,} images have no identity, the first is {unlabeled[0]}; set `identity` in its "
            "JSON file, to -1 for images to leave out"
        )
    identities = iter(number_people([_text(sample, "identity") or "" for sample in selected]))
    return {
        name: LabeledRows(_rows(root, members), [next(identities) for _ in members])
        for name, members in by_split.items()
    }


def _shards(root: Path) -> list[Path]:
    """The shards in a folder, sorted, or the shard itself; empty if there are none."""
    if root.is_file():
        return [root] if root.name.endswith((".tar", *_COMPRESSED)) else []
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if entry.name.endswith((".tar", *_COMPRESSED))]
    except OSError:
        return []
    return [root / name for name in sorted(names) if not name.startswith(".") and (root / name).is_file()]


def _some_shards(root: Path) -> list[Path]:
    shards = _shards(root)
    if not shards:
        raise DataError(f"{root}: no shard; shards end in .tar")
    return shards


def _samples(root: Path) -> list[Sample]:
    shards = _some_shards(root)
    samples: list[Sample] = []
    with ProgressBar("Indexing shards", len(shards), True) as bar:
        for shard, default_split in zip(
            shards, splits_by_name([shard.name for shard in shards]), strict=True
        ):
            samples += [sample._replace(default_split=default_split) for sample in _index(shard)]
            bar.advance(1)
    if not samples:
        raise DataError(
            f"{root}: {len(shards):,} shards but no image; images end in {', '.join(IMAGE_SUFFIXES)}"
        )
    return samples


def training_samples(shard: PurePosixPath, content: IO[bytes], default_split: str = "train") -> list[Sample]:
    """The images of split `train` in an open shard; `default_split` is the split of images without one.

    Raises:
        DataError: as in `training`, except that a shard without images is allowed.
    """
    samples = [sample._replace(default_split=default_split) for sample in _index(shard, content)]
    return [sample for sample in samples if _split(sample) == "train"]


def camera(sample: Sample) -> str | None:
    """The normalized camera name of an image; None where unknown."""
    return camera_name(sample.metadata.get("camera"))


def _index(shard: PurePath, content: IO[bytes] | None = None) -> list[Sample]:
    """Index the images of one shard: their byte ranges and JSON metadata."""
    if not shard.name.endswith(".tar"):
        raise DataError(f"{shard}: compressed shards have no random access; decompress it to .tar")
    images: dict[str, tuple[str, str, tuple[int, int]]] = {}
    metadata: dict[str, dict[str, Any]] = {}
    try:
        with open_regular(Path(shard)) if content is None else nullcontext(content) as stream:
            for member in members_of(stream):
                if not member.isreg() or member.issparse():
                    continue
                key, suffix = _key(member.name)
                if f".{suffix}".endswith(IMAGE_SUFFIXES):
                    earlier = images.get(key)
                    if earlier and ("." in earlier[0]) == ("." in suffix):
                        raise DataError(f"{shard}: {member.name}: a second image of the sample {key}")
                    if (
                        not earlier or "." in earlier[0]
                    ):  # `a.jpg` is the crop, not `a.mask.png` of the same sample
                        images[key] = suffix, member.name, (member.offset_data, member.size)
                elif suffix == "json" and member.size <= _MOST_JSON:
                    stream.seek(member.offset_data)
                    metadata[key] = _json(shard, member.name, stream.read(member.size))
    except DAMAGED as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise DataError(f"{shard}: cannot be read as a shard: {reason}") from None
    return [
        Sample(f"{shard.name}{BETWEEN}{name}", span, metadata.get(key, {}))
        for key, (_, name, span) in images.items()
    ]


def _key(name: str) -> tuple[str, str]:
    """The sample key and suffix of a member: `a/b`, `seg.png` for `a/b.seg.png`."""
    folder, slash, file = name.removeprefix("./").rpartition("/")
    stem, _, suffix = file.partition(".")
    return folder + slash + stem, suffix.lower()


def _json(shard: PurePath, name: str, content: bytes) -> dict[str, Any]:
    try:
        metadata = parse_json(content, _MOST_JSON)
    except ValueError as error:
        raise DataError(f"{shard}: {name} is not valid JSON ({error})") from None
    if not isinstance(metadata, dict):
        raise DataError(f"{shard}: {name} is not a JSON object")
    return metadata


def _split(sample: Sample) -> str:
    split = _text(sample, "split")
    if split is None:
        return sample.default_split
    if split not in SPLITS:
        hint = suggestion(split, SPLITS) or f"; known: {', '.join(SPLITS)}"
        raise DataError(f"{sample.path}: split is '{split}'{hint}")
    return split


def splits_by_name(shards: Sequence[str]) -> list[str]:
    """The default split of each shard: by its name if there are shards of several splits, else `train`.

    A shard such as `query-0001.tar` is thus excluded from training only if there are shards of other splits.
    """
    prefixes = [re.split(r"[^a-z]", PurePosixPath(name).name.lower(), maxsplit=1)[0] for name in shards]
    by_name = [part_of(prefix) or "train" for prefix in prefixes]
    return by_name if len(set(by_name)) > 1 else ["train"] * len(by_name)


def _text(sample: Sample, name: str) -> str | None:
    return label(sample.metadata.get(name))


def _rows(root: Path, samples: list[Sample]) -> Rows:
    present = {
        name
        for sample in samples
        for name in ("camera", "tracklet", "time")
        if sample.metadata.get(name) is not None
    }
    times: list[Time] = []
    for sample in samples if "time" in present else ():
        try:
            times.append(parse_time(_text(sample, "time")))
        except ValueError:
            raise DataError(
                f"{sample.path}: '{sample.metadata['time']}' is not a time; use a number of seconds or a date"
            ) from None
    return Rows(
        root.parent if root.is_file() else root,
        [sample.path for sample in samples],
        [_text(sample, "camera") for sample in samples] if "camera" in present else None,
        [_text(sample, "tracklet") for sample in samples] if "tracklet" in present else None,
        to_seconds(times) if "time" in present else None,
        [sample.span for sample in samples],
    )


DATASET = Dataset(
    layout=Layout.SHARDS,
    title="WebDataset shards",
    matches=matches,
    training=training,
    splits=splits,
    has_identities=has_identities,
    parts=parts,
    cameras_from="the JSON files of the images",
    access="own",
    size="as many as you have",
    expected_files="*.tar, in them images and JSON files of the same name",
)

"""WebDataset shards: `.tar` files of images, each with a `.json` of the same name beside it if wanted.

One shard or a folder of them. A shard is looked through once, for the place of every image in it; pixels are later
read straight from there, nothing is unpacked. A crop's path is `shard.tar::member`. Of the JSON, `camera`,
`tracklet` and `time` are read, for evaluation `split` and `identity` too, as in a manifest; the rest is passed over.
Where no split is said and shards of several parts lie together, those that are called `query-...`, `gallery-...`,
`val-...` or `test-...` are not trained on.
Compressed shards (`.tar.gz`) cannot be read from the middle and are refused.
Reference: the WebDataset format, files of one sample share the name up to the first dot of the base name.
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
from reseen.datasets.raw_rows import LabeledRows, Rows, number_people
from reseen.datasets.split_names import part_of
from reseen.datasets.tar_members import DAMAGED, members_of
from reseen.datasets.values import camera_name, label
from reseen.errors import DataError
from reseen.reading import open_regular, parse_json

BETWEEN = "::"
"""What stands between shard and member in a path."""

SPLITS = ("train", "query", "gallery")
_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_MOST_JSON = 1_000_000


class Sample(NamedTuple):
    """An image in a shard: its path, its first byte and number of bytes, and what the JSON beside it says."""

    path: str
    span: tuple[int, int]
    metadata: dict[str, Any]
    default_split: str = "train"
    """Its split where the JSON says none: that of the shard, which may be one that is never read."""


def matches(root: Path) -> bool:
    """True for a shard, and for a folder of them."""
    return bool(_shards(root))


def has_identities(root: Path) -> bool:
    """True when an image of the first shard has one.

    Raises:
        DataError: as in `training`.
    """
    return any(_text(sample, "identity") is not None for sample in _index(_some_shards(root)[0]))


def training(root: Path, _variant: str) -> Rows:
    """The images whose `split` is `train`, or all that have none; identities are not read.

    Raises:
        DataError: a shard cannot be read, is compressed, or holds no image; a JSON is none.
    """
    samples = [sample for sample in _samples(root) if _split(sample) == "train"]
    if not samples:
        raise DataError(f"{root}: no image of split 'train' in these shards")
    return _rows(root, samples)


def parts(root: Path) -> dict[str, Rows]:
    """The splits that are there, without identities.

    Raises:
        DataError: as in `training`.
    """
    samples = _samples(root)
    chosen = {name: [sample for sample in samples if _split(sample) == name] for name in SPLITS}
    found = {name: _rows(root, some) for name, some in chosen.items() if some}
    return found or {"train": training(root, "")}


def splits(root: Path, _variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """Splits with the people on them, numbered alike.

    Raises:
        DataError: as in `training`, or an image of these splits has no identity.
    """
    samples = _samples(root)
    if names is None:
        present = {_split(sample) for sample in samples}
        names = [name for name in SPLITS if name in present]
    chosen = {name: [sample for sample in samples if _split(sample) == name] for name in names}
    empty = [name for name, found in chosen.items() if not found]
    if empty:
        raise DataError(
            f"{root}: no image of split '{empty[0]}'; the JSON beside an image says `split` and `identity`"
        )
    nobody = [
        sample.path for found in chosen.values() for sample in found if _text(sample, "identity") is None
    ]
    if nobody:
        raise DataError(
            f"{root}: {len(nobody):,} images have no identity, the first is {nobody[0]}; write `identity` in the JSON "
            "beside it, -1 for images to leave out"
        )
    people = iter(
        number_people([_text(sample, "identity") or "" for found in chosen.values() for sample in found])
    )
    return {
        name: LabeledRows(_rows(root, found), [next(people) for _ in found]) for name, found in chosen.items()
    }


def _shards(root: Path) -> list[Path]:
    """The shards, sorted; none when this is something else."""
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
    """The images to learn from in a shard that is open, from wherever it comes.

    Those whose `split` is `train`; `default_split` is the split of those that say none.

    Raises:
        DataError: as in `training`, but a shard without images is none.
    """
    found = [sample._replace(default_split=default_split) for sample in _index(shard, content)]
    return [sample for sample in found if _split(sample) == "train"]


def camera(sample: Sample) -> str | None:
    """What the JSON beside an image says of its camera, by the rule of all readers."""
    return camera_name(sample.metadata.get("camera"))


def _index(shard: PurePath, content: IO[bytes] | None = None) -> list[Sample]:
    """The images of one shard: where their bytes are and what the JSON beside them says."""
    if not shard.name.endswith(".tar"):
        raise DataError(f"{shard}: a compressed shard cannot be read from the middle; unpack it to .tar")
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
                    if not earlier or "." in earlier[0]:  # `a.jpg` is the crop, `a.mask.png` beside it is not
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
    """Sample and what the file is of it: `a/b.seg.png` is `seg.png` of `a/b`."""
    folder, slash, file = name.removeprefix("./").rpartition("/")
    stem, _, suffix = file.partition(".")
    return folder + slash + stem, suffix.lower()


def _json(shard: PurePath, name: str, content: bytes) -> dict[str, Any]:
    try:
        said = parse_json(content, _MOST_JSON)
    except ValueError as error:
        raise DataError(f"{shard}: {name} is no JSON ({error})") from None
    if not isinstance(said, dict):
        raise DataError(f"{shard}: {name} is no table of names and values")
    return said


def _split(sample: Sample) -> str:
    split = _text(sample, "split")
    if split is None:
        return sample.default_split
    if split not in SPLITS:
        hint = suggestion(split, SPLITS) or f"; known: {', '.join(SPLITS)}"
        raise DataError(f"{sample.path}: split is '{split}'{hint}")
    return split


def splits_by_name(shards: Sequence[str]) -> list[str]:
    """The split of images that say none, for each shard: by its name where shards of several parts lie together.

    Shards that are called `query-0001.tar` beside others are no part of what is learned from; alone they are a pool.
    """
    first = [re.split(r"[^a-z]", PurePosixPath(name).name.lower(), maxsplit=1)[0] for name in shards]
    named = [part_of(word) or "train" for word in first]
    return named if len(set(named)) > 1 else ["train"] * len(named)


def _text(sample: Sample, name: str) -> str | None:
    return label(sample.metadata.get(name))


def _rows(root: Path, samples: list[Sample]) -> Rows:
    has = {
        name
        for sample in samples
        for name in ("camera", "tracklet", "time")
        if sample.metadata.get(name) is not None
    }
    times: list[Time] = []
    for sample in samples if "time" in has else ():
        try:
            times.append(parse_time(_text(sample, "time")))
        except ValueError:
            raise DataError(
                f"{sample.path}: '{sample.metadata['time']}' is no time; a number of seconds or a date"
            ) from None
    return Rows(
        root.parent if root.is_file() else root,
        [sample.path for sample in samples],
        [_text(sample, "camera") for sample in samples] if "camera" in has else None,
        [_text(sample, "tracklet") for sample in samples] if "tracklet" in has else None,
        to_seconds(times) if "time" in has else None,
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
    cameras_from="the JSON beside the images",
    access="own",
    size="as many as you have",
    expected_files="*.tar, in them images and JSON files of the same name",
)

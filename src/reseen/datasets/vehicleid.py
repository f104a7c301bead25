"""VehicleID: one folder `image`, and lists of `image vehicle` in `train_test_split`; no cameras.

There are three test lists of 800, 1,600 and 2,400 vehicles. The protocol draws one random crop per vehicle for the
gallery, uses all others as queries, and repeats this ten times. The variants `small`, `medium` and `large` return all
test crops as both query and gallery, from which the protocol draws; `small-1` to `large-10` are fixed draws.
Reference: Liu et al. 2016, "Deep Relative Distance Learning".
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reseen.datasets.benchmark_splits import read_list
from reseen.datasets.dataset import Counts, Dataset, Layout, Variant
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.errors import DataError

SIZES = {"small": 800, "medium": 1_600, "large": 2_400}
"""Number of vehicles in the test list of each size."""

DRAWS = 10

_IMAGES = {"small": 6_493, "medium": 13_377, "large": 19_777}


def matches(root: Path) -> bool:
    """Whether the folder of images and at least one of the lists exist."""
    lists = [_list(root, "train"), *(_list(root, size) for size in SIZES)]
    return (root / "image").is_dir() and any(file.is_file() for file in lists)


def training(root: Path, _variant: str) -> Rows:
    """The crops of `train_list.txt`; identities are not read.

    Raises:
        DataError: the list is missing or invalid, or a listed file is missing.
    """
    return _rows(root, [image for image, _ in read_list(_list(root, "train"))])


def splits(root: Path, variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits in `names`, or all present ones if None, with the vehicles as identities.

    Raises:
        DataError: as in `training`.
    """
    size, _, draw = variant.partition("-")
    if names is None:
        names = [name for name in ("train",) if _list(root, name).is_file()]
        names += ["query", "gallery"] if _list(root, size).is_file() else []
    by_split = {}
    if "train" in names:
        by_split["train"] = _labeled(root, read_list(_list(root, "train")))
    if "query" in names or "gallery" in names:
        listed = sorted(read_list(_list(root, size)))
        gallery = _draw(listed, int(draw)) if draw else set(listed)
        test = {"query": [line for line in listed if not draw or line not in gallery], "gallery": gallery}
        by_split |= {
            name: _labeled(root, sorted(test[name])) for name in ("query", "gallery") if name in names
        }
    return by_split


def _draw(listed: list[tuple[str, int]], seed: int) -> set[tuple[str, int]]:
    """Draw one crop per vehicle, reproducibly given the seed and the sorted list."""
    shuffled = np.random.default_rng(seed).permutation(len(listed))
    return set({listed[row][1]: listed[row] for row in shuffled}.values())


def _labeled(root: Path, listed: list[tuple[str, int]]) -> LabeledRows:
    return LabeledRows(_rows(root, [image for image, _ in listed]), [vehicle + 1 for _, vehicle in listed])


def _rows(root: Path, images: list[str]) -> Rows:
    missing = [image for image in images if not (root / "image" / f"{image}.jpg").is_file()]
    if missing:
        raise DataError(
            f"{root / 'image'}: {len(missing):,} of {len(images):,} listed crops do not exist, the first is "
            f"{missing[0]}.jpg"
        )
    return Rows(root, [f"image/{image}.jpg" for image in images])


def _list(root: Path, name: str) -> Path:
    file = "train_list.txt" if name == "train" else f"test_list_{SIZES[name]}.txt"
    return root / "train_test_split" / file


def _published(size: str, drawn: bool) -> Counts:
    people = SIZES[size]
    query = _IMAGES[size] - people if drawn else _IMAGES[size]
    return {
        "train": {"images": 113_346, "people": 13_164},
        "query": {"images": query},
        "gallery": {"images": people if drawn else _IMAGES[size], "people": people},
    }


DATASET = Dataset(
    layout=Layout.VEHICLEID,
    title="VehicleID",
    matches=matches,
    training=training,
    splits=splits,
    variants=(
        *(
            Variant(size, f"test list of {count:,} vehicles", "vehicleid", _published(size, False))
            for size, count in SIZES.items()
        ),
        *(
            Variant(
                f"{size}-{draw}",
                f"test list of {count:,} vehicles, gallery drawn with seed {draw}",
                "market",
                _published(size, True),
            )
            for size, count in SIZES.items()
            for draw in range(1, DRAWS + 1)
        ),
    ),
    cameras_from="nothing: it has no camera labels",
    source="Liu et al. 2016, Deep Relative Distance Learning",
    page="https://pkuml.org/resources/pku-vehicleid.html",
    terms="research only, on request with a signed agreement",
    access="request",
    size="221,763 crops of 26,267 vehicles, no camera labels",
    note="No cameras: no gallery crop is excluded from a ranking. Report the mean over ten draws.",
    expected_files="image, train_test_split with train_list.txt and test_list_800.txt, _1600.txt, _2400.txt",
)

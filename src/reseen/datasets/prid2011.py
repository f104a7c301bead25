"""PRID2011: `multi_shot` and `single_shot`, each with `cam_a` and `cam_b`, optionally below `prid_2011`.

People 1 to 200 are seen by both cameras. Queries are from camera a, the gallery is from camera b. Multi-shot follows
Wang et al. 2014: the 178 people with more than 21 frames in both cameras, split into halves. The ten splits are read
from `splits_prid2011.json` (a list of `{"train", "test"}` with names such as `person_0001`), or drawn if there is no
such file. Single-shot: 100 of the 200 people for training, the other 100 as queries; the gallery also contains the
people seen only by camera b.
Reference: Hirzer et al. 2011, "Person Re-Identification by Descriptive and Discriminative Classification".
"""

from collections.abc import Sequence
from pathlib import Path

from reseen.datasets.benchmark_splits import SPLITS, draw_halves, halves, own_folder, people_of
from reseen.datasets.dataset import Counts, Dataset, Layout, Variant
from reseen.datasets.folder import image_paths
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.errors import DataError
from reseen.reading import read_json

IN_BOTH = 200
"""People with numbers up to this one are seen by both cameras."""

FEWEST_FRAMES = 22
"""Minimum number of frames per camera in the multi-shot splits."""

CAMERAS = ("multi_shot/cam_a", "multi_shot/cam_b")
SINGLE = ("single_shot/cam_a", "single_shot/cam_b")
SPLITS_FILE = "splits_prid2011.json"


def matches(root: Path) -> bool:
    """Whether a camera folder of either form exists."""
    return any((own_folder(root, "prid_2011") / camera).is_dir() for camera in (*CAMERAS, *SINGLE))


def training(root: Path, variant: str) -> Rows:
    """The crops of the training people.

    Raises:
        DataError: folders, frames or people are missing, or the split file is invalid.
    """
    return splits(root, variant, ("train",))["train"].rows


def splits(root: Path, variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits of one of the ten divisions, with identities.

    Raises:
        DataError: as in `training`.
    """
    base, split = own_folder(root, "prid_2011"), int(variant.rpartition("-")[2])
    if variant.startswith("single"):
        return _single(base, split, names)
    in_both = sorted(set(people_of(base, CAMERAS[0])) & set(people_of(base, CAMERAS[1])))
    division = _listed(root, split) or draw_halves([name for name in in_both if _is_long(base, name)], split)
    numbers = {name: _number(base, name) for name in {*division[0], *division[1], *in_both}}
    return halves(base, CAMERAS, division, names, numbers)


def _single(base: Path, split: int, names: Sequence[str] | None) -> dict[str, LabeledRows]:
    crops = [
        {path.rpartition(".")[0]: f"{camera}/{path}" for path in image_paths(base / camera)}
        for camera in SINGLE
    ]
    both = [name for name in crops[0].keys() & crops[1].keys() if _number(base, name) <= IN_BOTH]
    train, test = draw_halves(both, split)
    others = sorted(name for name in crops[1] if _number(base, name) > IN_BOTH)
    selection = {
        "train": [(0, name) for name in train] + [(1, name) for name in train],
        "query": [(0, name) for name in test],
        "gallery": [(1, name) for name in [*test, *others]],
    }
    by_split = {}
    for name in names or selection:
        selected = selection[name]
        rows = Rows(
            base,
            [crops[camera][person] for camera, person in selected],
            [SINGLE[camera][-5:] for camera, _ in selected],
        )
        by_split[name] = LabeledRows(rows, [_number(base, person) for _, person in selected])
    return by_split


def _listed(root: Path, split: int) -> tuple[list[str], list[str]] | None:
    file = next(
        (
            folder / SPLITS_FILE
            for folder in (root, own_folder(root, "prid_2011"))
            if (folder / SPLITS_FILE).is_file()
        ),
        None,
    )
    if file is None:
        return None
    try:
        division = read_json(file)[split - 1]
        return sorted(map(str, division["train"])), sorted(map(str, division["test"]))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(
            f"{file}: expected a list of {SPLITS} splits with train and test, lists of names; split {split} is not "
            f"({error.__class__.__name__}: {error})"
        ) from None


def _is_long(base: Path, name: str) -> bool:
    return _number(base, name) <= IN_BOTH and all(
        len(image_paths(base / camera / name)) >= FEWEST_FRAMES for camera in CAMERAS
    )


def _number(base: Path, name: str) -> int:
    digits = name.removeprefix("person_")
    if not digits.isdecimal():
        raise DataError(f"{base}: {name} is not named like person_0001")
    return int(digits)


_MULTI: Counts = {
    "train": {"people": 89, "tracklets": 178},
    "query": {"people": 89, "tracklets": 89},
    "gallery": {"people": 89, "tracklets": 89},
}
_ONE: Counts = {
    "train": {"images": 200, "people": 100},
    "query": {"images": 100, "people": 100},
    "gallery": {"images": 649, "people": 649},
}

DATASET = Dataset(
    layout=Layout.PRID2011,
    title="PRID2011",
    matches=matches,
    training=training,
    splits=splits,
    variants=(
        *(
            Variant(str(k), f"multi-shot, half {k} of {SPLITS}", "video", _MULTI)
            for k in range(1, SPLITS + 1)
        ),
        *(
            Variant(f"single-{k}", f"single-shot, half {k} of {SPLITS}, drawn by reseen", "market", _ONE)
            for k in range(1, SPLITS + 1)
        ),
    ),
    cameras_from="the folders",
    source="Hirzer et al. 2011, Person Re-Identification by Descriptive and Discriminative Classification",
    page="https://www.tugraz.at/index.php?id=17766",
    terms="no license is stated; offered for research, cite the paper",
    access="page",
    size="200 people in both of 2 cameras; 178 with more than 21 frames are used",
    note=f"Report the mean over ten halves. Without {SPLITS_FILE} the halves are drawn by reseen, and differ from "
    "those of published scores.",
    expected_files="prid_2011/multi_shot/cam_a, cam_b; prid_2011/single_shot/cam_a, cam_b; optionally "
    "splits_prid2011.json",
)

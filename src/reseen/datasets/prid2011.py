"""PRID2011: `multi_shot` and `single_shot`, each with `cam_a` and `cam_b`, below `prid_2011` or not.

People 1 to 200 are seen by both cameras. Multi-shot, as Wang et al. 2014 cut it: the 178 of them with more than 21
frames in both cameras, in halves, camera a asks for camera b. The ten cuts are read from `splits_prid2011.json`
(a list of `{"train", "test"}` with names such as `person_0001`), or drawn where that file is not there. Single-shot:
100 of the 200 to learn from, 100 asked for among those and all that camera b alone saw.
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
"""People with numbers up to this are seen by both cameras."""

FEWEST_FRAMES = 22
"""More than 21."""

CAMERAS = ("multi_shot/cam_a", "multi_shot/cam_b")
SINGLE = ("single_shot/cam_a", "single_shot/cam_b")
SPLITS_FILE = "splits_prid2011.json"


def matches(root: Path) -> bool:
    """True when there is a camera of either form."""
    return any((own_folder(root, "prid_2011") / camera).is_dir() for camera in (*CAMERAS, *SINGLE))


def training(root: Path, variant: str) -> Rows:
    """The crops of half of the people.

    Raises:
        DataError: folders, frames or people are missing.
    """
    return splits(root, variant, ("train",))["train"].rows


def splits(root: Path, variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """Splits of a cut with the people on them.

    Raises:
        DataError: as in `training`.
    """
    base, split = own_folder(root, "prid_2011"), int(variant.rpartition("-")[2])
    if variant.startswith("single"):
        return _single(base, split, names)
    seen = sorted(set(people_of(base, CAMERAS[0])) & set(people_of(base, CAMERAS[1])))
    cut = _listed(root, split) or draw_halves([name for name in seen if _long(base, name)], split)
    return halves(
        base, CAMERAS, cut, names, {name: _number(base, name) for name in {*cut[0], *cut[1], *seen}}
    )


def _single(base: Path, split: int, names: Sequence[str] | None) -> dict[str, LabeledRows]:
    seen = [
        {path.rpartition(".")[0]: f"{camera}/{path}" for path in image_paths(base / camera)}
        for camera in SINGLE
    ]
    both = [name for name in seen[0].keys() & seen[1].keys() if _number(base, name) <= IN_BOTH]
    train, test = draw_halves(both, split)
    others = sorted(name for name in seen[1] if _number(base, name) > IN_BOTH)
    wanted = {
        "train": [(0, name) for name in train] + [(1, name) for name in train],
        "query": [(0, name) for name in test],
        "gallery": [(1, name) for name in [*test, *others]],
    }
    found = {}
    for name in names or wanted:
        chosen = wanted[name]
        rows = Rows(
            base, [seen[side][person] for side, person in chosen], [SINGLE[side][-5:] for side, _ in chosen]
        )
        found[name] = LabeledRows(rows, [_number(base, person) for _, person in chosen])
    return found


def _listed(root: Path, split: int) -> tuple[list[str], list[str]] | None:
    file = next(
        (
            place / SPLITS_FILE
            for place in (root, own_folder(root, "prid_2011"))
            if (place / SPLITS_FILE).is_file()
        ),
        None,
    )
    if file is None:
        return None
    try:
        cut = read_json(file)[split - 1]
        return sorted(map(str, cut["train"])), sorted(map(str, cut["test"]))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(
            f"{file}: wanted a list of {SPLITS} splits with train and test, lists of names; split {split} is not so "
            f"({error.__class__.__name__}: {error})"
        ) from None


def _long(base: Path, name: str) -> bool:
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
    note=f"Report the mean over ten halves. Without {SPLITS_FILE} the halves are drawn by reseen, and others than "
    "those of published scores.",
    expected_files="prid_2011/multi_shot/cam_a, cam_b; prid_2011/single_shot/cam_a, cam_b; splits_prid2011.json if you have it",
)

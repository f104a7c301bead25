"""CUHK03 with `detected` or hand-`labeled` boxes; the new protocol (767/700) and the 20 classic splits.

Two layouts are supported. (1) The new protocol as repacked by its authors: `detected` and `labeled`, each with the
folders of Market-1501. (2) The extracted images, `images_detected` and `images_labeled` with files `P_NNN_V_II.png`
(camera pair, person, view, image), and next to them the splits as JSON: `splits_new_detected.json`,
`splits_classic_labeled.json` and so on, lists of `{"train", "query", "gallery"}` whose items begin with a path. The
original MATLAB file `cuhk-03.mat` must be extracted first.

Query and gallery of a classic split are the same crops of 100 test people; the protocol draws single shots from them.
Reference: Li et al. 2014, "DeepReID"; Zhong et al. 2017, "Re-ranking Person Re-identification", for the protocol.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from reseen.datasets.benchmark_splits import NamedFolders
from reseen.datasets.dataset import Counts, Dataset, Layout, Variant
from reseen.datasets.market1501 import FOLDERS, NAME
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.errors import DataError
from reseen.reading import read_json

BOXES = ("detected", "labeled")
"""The two sources of boxes: a detector and manual labels."""

CLASSIC_SPLITS = 20

_NAME = re.compile(r"(?P<pair>\d)_(?P<person>\d{3})_(?P<view>[12])_\d{2}\.\w+")
_REPACKED = {
    boxes: NamedFolders(
        "CUHK03", {split: f"{boxes}/{folder}" for split, folder in FOLDERS.items()}, NAME, "PPPP_cC_N.png"
    )
    for boxes in BOXES
}


def matches(root: Path) -> bool:
    """Whether one of the layouts, or the original MATLAB file, is present; for the latter, reading explains the fix."""
    extracted = any((root / f"images_{boxes}").is_dir() for boxes in BOXES)
    return extracted or _matlab(root).is_file() or any(form.matches(root) for form in _REPACKED.values())


def training(root: Path, variant: str) -> Rows:
    """The training crops of a variant; identities are not read.

    Raises:
        DataError: images or splits are missing or invalid.
    """
    boxes = _boxes(variant)
    if variant == boxes and _REPACKED[boxes].has(root, "train"):
        return _REPACKED[boxes].training(root)
    return _rows(root, boxes, _split(root, variant)["train"])


def splits(root: Path, variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits of a variant, with identities.

    Raises:
        DataError: as in `training`.
    """
    boxes = _boxes(variant)
    if variant == boxes and _REPACKED[boxes].has(root, "train"):
        return _REPACKED[boxes].splits(root, variant, names)
    file_names = _split(root, variant)
    by_split = {}
    for name in names or ("train", "query", "gallery"):
        rows = _rows(root, boxes, file_names[name])
        by_split[name] = LabeledRows(rows, [_person(path) for path in rows.paths])
    return by_split


def _boxes(variant: str) -> str:
    return "labeled" if "labeled" in variant else "detected"


def _split(root: Path, variant: str) -> dict[str, list[str]]:
    """File names by split, from a JSON file; the folders in its paths are ignored."""
    kind = "classic" if variant.startswith("classic") else "new"
    index = int(variant.rpartition("-")[2]) - 1 if kind == "classic" else 0
    file = root / f"splits_{kind}_{_boxes(variant)}.json"
    if not file.is_file():
        images = (root / f"images_{_boxes(variant)}").is_dir()
        raise DataError(
            f"{root}: no {file.name}, which defines the {'20 classic splits' if kind == 'classic' else 'split'}"
            + ("" if images else f", and no images_{_boxes(variant)}")
            + (f"; extract {_matlab(root)} first" if _matlab(root).is_file() else "")
        )
    try:
        split = read_json(file)[index]
        return {
            name: [re.split(r"[\\/]", str(item[0]))[-1] for item in split[name]]
            for name in ("train", "query", "gallery")
        }
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(
            f"{file}: expected a list of splits with train, query and gallery, each a list of [path, ...]; "
            f"split {index + 1} is not ({error.__class__.__name__}: {error})"
        ) from None


def _rows(root: Path, boxes: str, names: Sequence[str]) -> Rows:
    folder = f"images_{boxes}"
    unmatched = [name for name in names if not _NAME.fullmatch(name)]
    if unmatched:
        raise DataError(f"{root / folder}: {unmatched[0]} is not named like P_NNN_V_II.png")
    missing = [name for name in names if not (root / folder / name).is_file()]
    if missing:
        raise DataError(
            f"{root / folder}: {len(missing):,} of {len(names):,} listed crops do not exist, the first is {missing[0]}"
        )
    matches = [match for name in names if (match := _NAME.fullmatch(name))]
    # Views are numbered within a pair: view 1 of two pairs are different cameras.
    return Rows(
        root,
        [f"{folder}/{name}" for name in names],
        [f"pair{match['pair']}-view{match['view']}" for match in matches],
    )


def _person(path: str) -> int:
    match = _NAME.fullmatch(path.rpartition("/")[2])
    assert match is not None, path
    return 1_000 * int(match["pair"]) + int(match["person"])


def _matlab(root: Path) -> Path:
    return root / "cuhk03_release" / "cuhk-03.mat"


def _new(train: int, query: int, gallery: int) -> Counts:
    return {
        "train": {"images": train, "people": 767},
        "query": {"images": query, "people": 700},
        "gallery": {"images": gallery, "people": 700},
    }


DATASET = Dataset(
    layout=Layout.CUHK03,
    title="CUHK03",
    matches=matches,
    training=training,
    splits=splits,
    variants=(
        Variant("detected", "new protocol, detected boxes", published=_new(7_365, 1_400, 5_332)),
        Variant("labeled", "new protocol, labeled boxes", published=_new(7_368, 1_400, 5_328)),
        *(
            Variant(
                f"classic-{boxes}-{split}",
                f"classic split {split} of {CLASSIC_SPLITS}, {boxes} boxes",
                "cuhk03-classic",
                {"query": {"people": 100}, "gallery": {"people": 100}},
            )
            for boxes in BOXES
            for split in range(1, CLASSIC_SPLITS + 1)
        ),
    ),
    source="Li et al. 2014, DeepReID; Zhong et al. 2017 for the new protocol",
    page="http://www.ee.cuhk.edu.hk/~xgwang/CUHK_identification.html",
    terms="research only, on request",
    access="request",
    size="14,096 labeled and 14,097 detected crops of 1,467 people, 5 pairs of cameras",
    note="Report boxes and protocol with a score. Classic: the mean over 20 splits, CMC only.",
    expected_files="detected/ and labeled/, each with bounding_box_train, query, bounding_box_test; or "
    "images_detected/, images_labeled/ and splits_*.json",
)

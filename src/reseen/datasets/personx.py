"""PersonX: synthetic people; the folders of Market-1501 in `subset1`, with files `PPPP_cC...jpg`.

Reference: Sun and Zheng 2019, "Dissecting Person Re-identification from the Viewpoint of Viewpoint".
"""

from collections.abc import Sequence
from pathlib import Path

from reseen.datasets.benchmark_splits import NamedFolders
from reseen.datasets.dataset import Dataset, Layout, Variant
from reseen.datasets.market1501 import FOLDERS, NAME
from reseen.datasets.raw_rows import LabeledRows, Rows

plain = NamedFolders("PersonX", FOLDERS, NAME, "PPPP_cC_NN.jpg")
below = NamedFolders(
    "PersonX", {split: f"subset1/{folder}" for split, folder in FOLDERS.items()}, NAME, plain.like
)


def matches(root: Path) -> bool:
    """Whether there is a `subset1`, or the folders of Market-1501 in a folder whose name contains PersonX."""
    return below.matches(root) or ("personx" in root.resolve().name.lower() and plain.matches(root))


def training(root: Path, variant: str) -> Rows:
    """The training crops with their cameras; identities are not read.

    Raises:
        DataError: the folder is missing or empty, or a file name does not match.
    """
    return _folders(root).training(root, variant)


def splits(root: Path, variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits in `names`, or all present ones if None, with identities.

    Raises:
        DataError: as in `training`.
    """
    return _folders(root).splits(root, variant, names)


def _folders(root: Path) -> NamedFolders:
    return below if (root / "subset1").is_dir() else plain


DATASET = Dataset(
    layout=Layout.PERSONX,
    title="PersonX",
    matches=matches,
    training=training,
    splits=splits,
    variants=(
        Variant(
            "standard",
            published={
                "train": {"images": 9_840, "people": 410, "cameras": 6},
                "query": {"images": 5_136, "people": 856, "cameras": 6},
                "gallery": {"images": 30_816, "people": 856, "cameras": 6},
            },
        ),
    ),
    source="Sun and Zheng 2019, Dissecting Person Re-identification from the Viewpoint of Viewpoint",
    page="https://github.com/sxzrt/Instructions-of-the-PersonX-dataset",
    terms="no license is stated; cite the paper",
    access="page",
    size="45,792 rendered crops of 1,266 people, 6 cameras (the subset that benchmarks use)",
    note="Synthetic people, so no privacy concerns. The counts are of the six-camera subset.",
    expected_files="subset1/bounding_box_train, subset1/query, subset1/bounding_box_test",
)

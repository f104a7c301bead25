"""iLIDS-VID: `i-LIDS-VID/sequences/cam1` and `cam2`, a folder of frames for each of 300 people.

Ten cuts in halves come with it, in `train-test people splits/train_test_splits_ilidsvid.mat`: rows of places in the
sorted list of people, the first half to score with and the second to learn from. Camera 1 asks for camera 2.
Reference: Wang et al. 2014, "Person Re-Identification by Video Ranking".
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reseen.datasets.benchmark_splits import SPLITS, halves, own_folder, people_of
from reseen.datasets.dataset import Dataset, Layout, Variant
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.datasets.split_files import read_matrix
from reseen.errors import DataError

CAMERAS = ("sequences/cam1", "sequences/cam2")
SPLITS_FILE = "train-test people splits/train_test_splits_ilidsvid.mat"


def matches(root: Path) -> bool:
    """True when there are the sequences of both cameras, and they are of this data set by name or by its splits."""
    both = all((own_folder(root, "i-LIDS-VID") / camera).is_dir() for camera in CAMERAS)
    return both and (
        own_folder(root, "i-LIDS-VID") != root
        or (root / SPLITS_FILE).is_file()
        or "lids" in root.name.lower()
    )


def training(root: Path, variant: str) -> Rows:
    """The frames of half of the people.

    Raises:
        DataError: the splits, folders or frames are missing or wrong.
    """
    return splits(root, variant, ("train",))["train"].rows


def splits(root: Path, variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """Splits of a cut with the people on them.

    Raises:
        DataError: as in `training`.
    """
    base = own_folder(root, "i-LIDS-VID")
    people = people_of(base, CAMERAS[0])
    if people != people_of(base, CAMERAS[1]):
        raise DataError(f"{base}: the two cameras saw different people; unpack the data set anew")
    file = next(
        (place / SPLITS_FILE for place in (root, base.parent, base) if (place / SPLITS_FILE).is_file()), None
    )
    if file is None:
        raise DataError(
            f"{root}: no {SPLITS_FILE}, which comes with the data set and says who is in the ten halves"
        )
    cuts = read_matrix(file, "ls_set")
    if cuts.shape != (SPLITS, len(people)) or not (np.sort(cuts) == np.arange(1, len(people) + 1)).all():
        raise DataError(
            f"{file}: wanted {SPLITS} orders of {len(people)} people, found a {cuts.shape[0]} x {cuts.shape[1]} "
            "matrix that is none"
        )
    order = [people[place - 1] for place in cuts[int(variant) - 1]]
    middle = len(people) // 2
    numbers = {name: place for place, name in enumerate(people, start=1)}
    return halves(base, CAMERAS, (sorted(order[middle:]), sorted(order[:middle])), names, numbers)


DATASET = Dataset(
    layout=Layout.ILIDS_VID,
    title="iLIDS-VID",
    matches=matches,
    training=training,
    splits=splits,
    variants=tuple(
        Variant(
            str(split),
            f"half {split} of {SPLITS}",
            "video",
            {
                "train": {"people": 150, "tracklets": 300},
                "query": {"people": 150, "tracklets": 150},
                "gallery": {"people": 150, "tracklets": 150},
            },
        )
        for split in range(1, SPLITS + 1)
    ),
    cameras_from="the folders",
    source="Wang et al. 2014, Person Re-Identification by Video Ranking",
    page="http://www.eecs.qmul.ac.uk/~xiatian/downloads_qmul_iLIDS-VID_ReID_dataset.html",
    terms="academic research only; cut from the i-LIDS library of the UK Home Office",
    access="page",
    size="600 tracklets of 300 people, 2 cameras",
    note="Report the mean over its ten halves.",
    expected_files="i-LIDS-VID/sequences/cam1, cam2; 'train-test people splits'",
)

"""iLIDS-VID: `i-LIDS-VID/sequences/cam1` and `cam2`, each with a folder of frames for each of 300 people.

The ten official splits are in `train-test people splits/train_test_splits_ilidsvid.mat`: each row is a permutation of
the sorted list of people, the first half for testing and the second for training. Queries are from camera 1, the
gallery is from camera 2.
Reference: Wang et al. 2014, "Person Re-Identification by Video Ranking".
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reseen.datasets.benchmark_splits import SPLITS, halves, own_folder, people_of, read_matrix
from reseen.datasets.dataset import Dataset, Layout, Variant
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.errors import DataError

CAMERAS = ("sequences/cam1", "sequences/cam2")
SPLITS_FILE = "train-test people splits/train_test_splits_ilidsvid.mat"


def matches(root: Path) -> bool:
    """Whether both cameras' sequences exist and the folder's name or the split file identifies the data set."""
    both = all((own_folder(root, "i-LIDS-VID") / camera).is_dir() for camera in CAMERAS)
    return both and (
        own_folder(root, "i-LIDS-VID") != root
        or (root / SPLITS_FILE).is_file()
        or "lids" in root.name.lower()
    )


def training(root: Path, variant: str) -> Rows:
    """The frames of the training people.

    Raises:
        DataError: splits, folders or frames are missing or invalid.
    """
    return splits(root, variant, ("train",))["train"].rows


def splits(root: Path, variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits of an official division, with identities.

    Raises:
        DataError: as in `training`.
    """
    base = own_folder(root, "i-LIDS-VID")
    people = people_of(base, CAMERAS[0])
    if people != people_of(base, CAMERAS[1]):
        raise DataError(f"{base}: the people of the two cameras differ; unpack the data set again")
    file = next(
        (folder / SPLITS_FILE for folder in (root, base.parent, base) if (folder / SPLITS_FILE).is_file()),
        None,
    )
    if file is None:
        raise DataError(f"{root}: no {SPLITS_FILE}, which comes with the data set and defines the ten splits")
    permutations = read_matrix(file, "ls_set")
    if (
        permutations.shape != (SPLITS, len(people))
        or not (np.sort(permutations) == np.arange(1, len(people) + 1)).all()
    ):
        raise DataError(
            f"{file}: expected {SPLITS} permutations of {len(people)} people, found another matrix of "
            f"{permutations.shape[0]} x {permutations.shape[1]}"
        )
    order = [people[index - 1] for index in permutations[int(variant) - 1]]
    middle = len(people) // 2
    numbers = {name: number for number, name in enumerate(people, start=1)}
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

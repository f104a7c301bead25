"""Cameras, tracklets and identities as people write them: one rule for all readers."""

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.datasets.trees import jpeg, tar

from reseen import LabeledFeatures
from reseen.datasets import read_evaluation, read_training
from reseen.datasets.shards import Sample, camera
from reseen.datasets.values import camera_name, label, tracklet_name
from reseen.errors import DataError
from reseen.evaluate.labeled import labeled_task

ONE = ["1", "1.0", "01", " 1 ", "c1", "c01", "C1", "+1", 1, 1.0]
UNKNOWN = ["", "nan", "NaN", "None", "-1", "-1.0", " ", None, float("nan"), -1, -1.0]


@pytest.mark.parametrize("written", ONE)
def test_one_camera(written):
    assert camera_name(written) == "c1"


@pytest.mark.parametrize("written", UNKNOWN)
def test_an_unknown_camera(written):
    assert camera_name(written) is None
    assert tracklet_name(written) is None


def test_other_names_stay():
    for name in ("gate", "cam_a", "cam1", "s01c02", "1.5", "-2", "c1s1"):
        assert camera_name(name) == name
    assert (label("007"), label("7.0"), label(" ann "), label("-1.0"), label("-0")) == (
        "7",
        "7",
        "ann",
        "-1",
        "0",
    )
    assert label("0" * 5000 + "1" * 5000) == "1" * 5000


def test_csv_parquet_shards_folders_and_arrays_agree(make_images, tmp_path):
    cameras = ["1", "1.0", "c1", "c01", "nan", "-1"]
    files = [f"{row}.jpg" for row in range(6)]
    root = make_images(*files)
    (root / "m.csv").write_text("path,camera\n" + "".join(map("{},{}\n".format, files, cameras)))
    tables = [read_training(root / "m.csv")]
    parquet.write_table(pa.table({"path": files, "camera": cameras}), root / "m.parquet")
    tables.append(read_training(root / "m.parquet"))
    members = {}
    for row, written in enumerate(cameras):
        members |= {f"{row}.jpg": jpeg(str(row)), f"{row}.json": json.dumps({"camera": written}).encode()}
    (tmp_path / "s.tar").write_bytes(tar(members))
    tables.append(read_training(tmp_path / "s.tar"))
    tables.append(read_training(make_images(*(f"{c}/{f}" for c, f in zip(cameras, files, strict=True)), folder="by"),
                                pattern="{camera}/{*}"))  # fmt: skip
    for table in tables:
        assert table.camera_names == ("c1",)
        assert sorted(table.cameras.tolist()) == [-1, -1, 0, 0, 0, 0]
    features = np.eye(6, dtype=np.float32)
    rows = LabeledFeatures(features, np.arange(1, 7), np.array(cameras))
    numbers = LabeledFeatures(features, np.arange(1, 7), np.array([1, 1, 1, 1, np.nan, -1]))
    task = labeled_task(rows, numbers)
    assert task.query_cameras.tolist() == task.gallery_cameras.tolist() == [1, 1, 1, 1, -1, -1]
    assert camera(Sample("s.tar::a.jpg", (0, 1), {"camera": 1.0})) == "c1"


def test_a_bare_folder_and_market_1501_name_a_camera_alike(make_images):
    root = make_images("0001_c01s1_1_1.jpg", "0002_c1s1_1_1.jpg", "0003_c2s1_1_1.jpg")
    assert read_training(root).camera_names == ("c1", "c2")


def test_columns_of_floats_with_a_hole(make_images):
    """What pandas makes of whole numbers as soon as one is missing."""
    root = make_images("q.jpg", "g.jpg", "h.jpg", "j.jpg")
    columns = {
        "path": ["q.jpg", "g.jpg", "h.jpg", "j.jpg"],
        "split": ["query", "gallery", "gallery", "gallery"],
        "identity": ["5.0", "5", "6.0", "-1.0"],
        "camera": [1.0, 1.0, None, float("nan")],
        "tracklet": [3.0, -1.0, None, 3.0],
    }
    parquet.write_table(pa.table(columns), root / "m.parquet")
    query, gallery = read_evaluation(root / "m.parquet")
    assert (query.identities.tolist(), gallery.identities.tolist()) == ([5], [5, 6]), "-1.0 is junk"
    assert gallery.images.camera_names == ("c1",)
    assert gallery.images.cameras.tolist() == [0, -1]
    assert gallery.images.tracklets.tolist() == [-1, -1]
    columns["identity"][1] = "nan"
    parquet.write_table(pa.table(columns), root / "m.parquet")
    with pytest.raises(DataError, match="1 rows have no identity"):
        read_evaluation(root / "m.parquet")

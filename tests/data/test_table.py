import dataclasses
import os
import shutil

import numpy as np
import pytest

from reseen.data.decode import UnreadableError, read_bytes
from reseen.data.evaluation_table import EvaluationTable
from reseen.data.table import ImageSource, ImageTable
from reseen.datasets import read_training


def table_of(root, cameras, names=("a", "b")):
    paths = tuple(f"{row}.jpg" for row in range(len(cameras)))
    return ImageTable(root, paths, np.array(cameras, dtype=np.int64), names)


def test_a_training_table_has_no_identity_column():
    columns = {field.name for field in dataclasses.fields(ImageTable)}
    assert columns == {"root", "paths", "cameras", "camera_names", "tracklets", "times", "spans"}


def test_columns_of_unequal_length_are_refused(tmp_path):
    with pytest.raises(ValueError, match="one value for each of 2 paths"):
        ImageTable(tmp_path, ("a", "b"), np.zeros(3, dtype=np.int64), ("c",))


@pytest.mark.parametrize("cameras", [[0, 2], [-2, 0]])
def test_camera_indices_need_names(tmp_path, cameras):
    with pytest.raises(ValueError, match="cameras go from -1 to 1"):
        table_of(tmp_path, cameras)


def test_select_keeps_order_and_camera_meaning(tmp_path):
    table = dataclasses.replace(
        table_of(tmp_path, [0, 1, -1]), tracklets=np.array([4, 5, -1]), times=np.array([0.5, 1.5, np.nan])
    )
    part = table.select([2, 0])
    assert part.paths == ("2.jpg", "0.jpg")
    assert part.cameras.tolist() == [-1, 0]
    assert part.camera_names == ("a", "b")
    assert part.tracklets.tolist() == [-1, 4]
    assert part.times[1] == 0.5
    assert part.path(1) == tmp_path / "0.jpg"


def test_has_cameras(tmp_path):
    assert table_of(tmp_path, [-1, 1]).has_cameras
    assert not table_of(tmp_path, [-1, -1]).has_cameras
    assert not table_of(tmp_path, []).has_cameras


def test_fingerprint_survives_a_copy_and_sees_changes(make_images, tmp_path):
    root = make_images("1.png", "2.png")
    first = read_training(root).fingerprint
    copied = shutil.copytree(root, tmp_path / "copy")
    table = read_training(copied)
    assert table.fingerprint == first
    assert table.select([1, 0]).fingerprint != first
    assert dataclasses.replace(table, cameras=np.array([0, 0]), camera_names=("a",)).fingerprint != first
    (copied / "2.png").write_bytes(b"other")
    assert read_training(copied).fingerprint != first
    (copied / "2.png").unlink()
    assert len(table.select([0, 1]).fingerprint) == 64


def test_evaluation_table_columns_must_agree(tmp_path):
    with pytest.raises(ValueError, match="2 images need as many identities"):
        EvaluationTable(table_of(tmp_path, [0, 0]), np.zeros(3, dtype=np.int64))
    table = EvaluationTable(table_of(tmp_path, [0, 1]), np.array([7, 8])).select([1])
    assert (len(table), table.identities.tolist(), table.images.cameras.tolist()) == (1, [8], [1])


def test_a_crop_that_became_a_pipe_or_a_device_is_unreadable_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").symlink_to("/dev/zero")
    for name in ("a.jpg", "b.jpg"):
        for source in (ImageSource(tmp_path / name), ImageSource(tmp_path / name, 0, 9)):
            with pytest.raises(UnreadableError, match="not a regular file"):
                read_bytes(source)

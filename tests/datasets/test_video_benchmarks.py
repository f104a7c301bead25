"""Tracklets, queries and junk of the benchmarks of videos."""

import json
import shutil

import numpy as np
import pytest
from scipy.io import savemat
from tests.datasets.trees import Tree, mars, plant

from reseen.datasets import Layout, choose, describe, read_evaluation, read_splits, read_training
from reseen.errors import DataError

VIDEO = [Layout.MARS, Layout.DUKE_VIDEO, Layout.PRID2011, Layout.ILIDS_VID]


def tracklets(table):
    """Each tracklet's person, camera and number of frames."""
    images = table.images
    found = {}
    for row, number in enumerate(images.tracklets):
        camera = images.camera_names[images.cameras[row]]
        person, seen, count = found.get(number, (int(table.identities[row]), camera, 0))
        assert (person, seen) == (int(table.identities[row]), camera), (
            "a tracklet is one person under one camera"
        )
        found[number] = person, seen, count + 1
    return sorted(found.values())


@pytest.mark.parametrize("layout", VIDEO)
def test_every_crop_is_of_a_tracklet_of_one_person_under_one_camera(tmp_path, layout):
    root = plant(tmp_path, layout)
    for table in read_splits(root).values():
        assert table.images.tracklets is not None
        assert table.images.tracklets.min() == 0
        assert tracklets(table)
    assert choose(root).variant.protocol == "video"
    assert "tracklets" in describe(read_training(root), layout, root=root)


def test_mars_drops_junk_keeps_distractors_and_adds_queries_to_the_gallery(tmp_path):
    root = plant(tmp_path, Layout.MARS)
    query, gallery = read_evaluation(root)
    assert tracklets(query) == [(2, "c1", 2), (4, "c2", 1)]
    assert tracklets(gallery) == [(0, "c1", 1), (2, "c1", 2), (2, "c3", 3), (4, "c2", 1)]
    apart = read_evaluation(root, variant="queries-apart")[1]
    assert tracklets(apart) == [(0, "c1", 1), (2, "c3", 3)]
    junk = read_splits(root)["gallery"]
    assert int((junk.identities == -1).sum()) == 2
    assert len(read_training(root)) == 4
    assert len(set(read_training(root).tracklets.tolist())) == 3


def test_mars_without_its_info_can_be_learned_from_but_not_scored(tmp_path):
    root = plant(tmp_path, Layout.MARS)
    shutil.rmtree(root / "info")
    assert len(read_training(root)) == 4
    with pytest.raises(DataError, match="no folder info, which defines the tracklets and queries"):
        read_evaluation(root)


@pytest.mark.parametrize(
    ("name", "variable", "value", "message"),
    [
        ("tracks_test_info.mat", "track_test_info", [[1, 2, -1]], "expected 4 numbers per tracklet, found 3"),
        ("tracks_test_info.mat", "other", [[1]], "expected a matrix 'track_test_info', found none"),
        ("tracks_test_info.mat", "track_test_info", [[0.5, 1, 1, 1]], "values that are not integers"),
        ("query_IDX.mat", "query_IDX", [[9]], "lists tracklets out of range; there are 5"),
        ("tracks_test_info.mat", "track_test_info", [[1, 99, -1, 1]] * 5, "lines 1 to 99 of test_name.txt"),
        ("tracks_test_info.mat", "track_test_info", [[1, 2, 7, 1]] * 5, "of person 7 and camera 1, but contains 00-1"),
    ],
)  # fmt: skip
def test_mars_with_bad_info(tmp_path, name, variable, value, message):
    tree = Tree(tmp_path / "mars")
    mars(tree)
    root = tree.write()
    savemat(root / "info" / name, {variable: np.array(value)})
    with pytest.raises(DataError, match=message):
        read_evaluation(root)


def test_mars_with_damaged_or_missing_info_files(tmp_path):
    root = plant(tmp_path, Layout.MARS)
    (root / "info/query_IDX.mat").write_bytes(b"no matrix")
    with pytest.raises(DataError, match=r"query_IDX.mat: cannot be read as a MATLAB file"):
        read_evaluation(root)
    (root / "info/query_IDX.mat").unlink()
    with pytest.raises(DataError, match=r"query_IDX.mat: no such file; it comes with the data set"):
        read_evaluation(root)


def test_duke_video_reads_old_and_new_names(tmp_path):
    root = plant(tmp_path, Layout.DUKE_VIDEO)
    splits = read_splits(root)
    assert tracklets(splits["train"]) == [(1, "c5", 1), (1, "c6", 1), (3, "c6", 1)]
    assert tracklets(splits["gallery"]) == [(2, "c2", 1), (7001, "c2", 1)]
    (root / "train/0001/0001/odd.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"0001/0001/odd.jpg is not named like"):
        read_training(root)


def test_prid2011_takes_people_that_both_cameras_saw_for_long(tmp_path):
    root = plant(tmp_path, Layout.PRID2011)
    splits = read_splits(root)
    people = {person for table in splits.values() for person in table.identities.tolist()}
    assert people == {1, 2, 3}, "4 has too few frames, 201 is beyond those that both cameras know"
    assert [len(tracklets(splits[name])) for name in ("train", "query", "gallery")] == [2, 2, 2]
    assert {camera for _, camera, _ in tracklets(splits["query"])} == {"cam_a"}


def test_prid2011_reads_published_cuts_where_they_are(tmp_path):
    root = plant(tmp_path, Layout.PRID2011)
    cuts = [{"train": ["person_0001"], "test": ["person_0004", "person_0002"]}] * 10
    (root / "splits_prid2011.json").write_text(json.dumps(cuts))
    assert set(read_splits(root, variant="7")["query"].identities.tolist()) == {2, 4}
    (root / "splits_prid2011.json").write_text("[]")
    with pytest.raises(DataError, match="expected a list of 10 splits with train and test"):
        read_training(root)


def test_prid2011_single_shot_gallery_has_people_that_one_camera_alone_saw(tmp_path):
    query, gallery = read_evaluation(plant(tmp_path, Layout.PRID2011), variant="single-2")
    assert query.images.tracklets is None
    assert len(query) == 2
    assert set(gallery.identities.tolist()) == {*query.identities.tolist(), 201, 749}


def test_ilids_vid_takes_the_second_half_of_an_order_to_learn_from(tmp_path):
    root = plant(tmp_path, Layout.ILIDS_VID)
    first = read_splits(root, variant="1")
    assert set(first["query"].identities.tolist()) == set(first["gallery"].identities.tolist()) == {1, 2}
    assert set(first["train"].identities.tolist()) == {3, 4}
    assert set(read_splits(root, variant="2")["query"].identities.tolist()) == {2, 3}
    file = root / "train-test people splits/train_test_splits_ilidsvid.mat"
    savemat(file, {"ls_set": np.array([[1, 2, 3, 3]] * 10)})
    with pytest.raises(
        DataError, match="expected 10 permutations of 4 people, found another matrix of 10 x 4"
    ):
        read_training(root)
    file.unlink()
    with pytest.raises(DataError, match="defines the ten splits"):
        read_training(root)

import numpy as np
import pytest

from reseen.datasets import Layout, detect, read_evaluation, read_training
from reseen.errors import DataError

TRAIN = ("0002_c1s1_000451_03.jpg", "0002_c3s1_000551_01.jpg", "0007_c2s2_000001_01.jpg")


def market(make_images, train=TRAIN, folder="market"):
    make_images(*(f"bounding_box_train/{name}" for name in train), folder=folder)
    make_images("query/0003_c2s1_000001_00.jpg", folder=folder)
    names = ("-1_c1s1_1_1.jpg", "0000_c10s1_1_1.jpg", "0003_c1s1_1_1.jpg.jpg")
    return make_images(*(f"bounding_box_test/{name}" for name in names), folder=folder)


def test_training_rows_are_sorted_with_cameras_from_names(make_images):
    root = market(make_images)
    table = read_training(root)
    assert detect(root) is Layout.MARKET1501
    assert table.paths == tuple(f"bounding_box_train/{name}" for name in TRAIN)
    assert table.camera_names == ("c1", "c2", "c3")
    assert table.cameras.tolist() == [0, 2, 1]


def test_identities_do_not_reach_the_training_table(make_images):
    """Give every image to another person: apart from the paths, the same rows."""
    other = [name.replace("0002", "0107", 1).replace("0007", "1002", 1) for name in TRAIN]
    first, second = (
        read_training(market(make_images, names, folder))
        for names, folder in ((TRAIN, "one"), (other, "two"))
    )
    assert first.paths != second.paths
    assert first.camera_names == second.camera_names
    assert np.array_equal(first.cameras, second.cameras)
    assert (first.tracklets, first.times) == (second.tracklets, second.times) == (None, None)


def test_evaluation_drops_junk_keeps_distractors_and_shares_cameras(make_images):
    query, gallery = read_evaluation(market(make_images))
    assert (query.identities.tolist(), gallery.identities.tolist()) == ([3], [0, 3])
    assert query.images.camera_names == gallery.images.camera_names == ("c1", "c2", "c10")
    assert (query.images.cameras.tolist(), gallery.images.cameras.tolist()) == ([1], [2, 0])


def test_strange_name_is_named(make_images):
    root = market(make_images)
    make_images("bounding_box_train/holiday.jpg", folder="market")
    with pytest.raises(DataError, match=r"1 of 4 file names .* the first is holiday.jpg"):
        read_training(root)


def test_missing_split_is_named(make_images):
    root = make_images("bounding_box_train/0001_c1s1_1_1.jpg")
    with pytest.raises(DataError, match="no folder query, which contains the query crops"):
        read_evaluation(root)


def test_layout_one_folder_down_is_pointed_out(make_images):
    root = market(make_images)
    with pytest.raises(DataError, match=f"one folder down; give {root} instead"):
        detect(root.parent)
    assert len(read_training(root.parent, "folder")) == 7


def test_real_market(market_root):
    query, gallery = read_evaluation(market_root)
    assert len(read_training(market_root)) == 12_936
    assert (len(query), len(gallery)) == (3_368, 15_913)
    assert (len(np.unique(query.identities)), len(np.unique(gallery.identities))) == (750, 751)

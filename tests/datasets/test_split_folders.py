"""Folders train, query and gallery of people's own: the right reading, or an error that asks."""

import os

import pytest

from reseen.datasets import Layout, Patterns, describe, detect, read_evaluation, read_splits, read_training
from reseen.errors import DataError, SettingsError
from reseen.tasks.data_check import check_data

LAYOUTS = {
    "a folder for each person": "{split}/{person}/{name}",
    "a folder for each camera, people in it": "{split}/cam{camera}/{person}/{name}",
    "a folder for each camera": "{split}/cam{camera}/{name}",
    "flat": "{split}/{name}",
}


@pytest.fixture
def sort_crowd(tmp_path, crowd):
    """A function that sorts the drawn crowd, named as Market-1501, into folders; returns the root."""

    def sort(shape):
        root = tmp_path / "sorted"
        places = {"bounding_box_train": "train", "query": "query", "bounding_box_test": "gallery"}
        for source, split in places.items():
            for path in (crowd / source).iterdir():
                person, camera = path.name.split("_")[0], path.name.split("_")[1][1]
                below = shape.format(split=split, person=person, camera=camera, name=path.name)
                (root / below).parent.mkdir(parents=True, exist_ok=True)
                os.link(path, root / below)
        return root

    return sort


def seen(table):
    """Who is on which crop of which camera, whatever the crop's folder is."""
    names = table.images.camera_names
    cameras = [names[camera] if camera >= 0 else None for camera in table.images.cameras]
    files = [path.rpartition("/")[2] for path in table.images.paths]
    return sorted(zip(files, table.identities.tolist(), cameras, strict=True))


@pytest.mark.parametrize("shape", LAYOUTS.values(), ids=LAYOUTS)
def test_known_names_are_read_as_in_their_benchmark(sort_crowd, crowd, shape):
    root = sort_crowd(shape)
    assert detect(root) is Layout.SPLIT_FOLDERS
    for ours, theirs in zip(read_evaluation(root), read_evaluation(crowd), strict=True):
        assert seen(ours) == seen(theirs), "people, distractors, junk and cameras are those of the names"
    ours, theirs = read_training(root), read_training(crowd)
    assert ours.camera_names == theirs.camera_names
    assert all(path.startswith("train/") for path in ours.paths)
    assert sorted(path.rpartition("/")[2] for path in ours.paths) == sorted(
        path.rpartition("/")[2] for path in theirs.paths
    )


@pytest.mark.parametrize(
    "others", [("query", "gallery"), ("val",), ("test",), ("Testing", "gallery"), ("probe",)]
)
@pytest.mark.parametrize(
    "name", ["{split}/{number}.jpg", "{split}/a/{number}.jpg", "{split}/a/b/{number}.jpg"]
)
def test_a_part_of_a_data_set_is_never_mixed_with_what_is_trained_on(make_images, name, others):
    names = [name.format(split=split, number=number) for split in ("train", *others) for number in (1, 2)]
    table = read_training(make_images(*names))
    assert len(table) == 2
    assert all(path.startswith("train/") for path in table.paths)


def test_names_of_benchmarks_that_are_known_by_one_file_mix_nothing(make_images):
    root = make_images(
        "train/a/00000001_0001.jpg", "query/a/00000002_0001.jpg", "gallery/a/00000003_0001.jpg"
    )
    assert detect(root) is Layout.SPLIT_FOLDERS, "not LUPerson, whose names these are"
    assert read_training(root).paths == ("train/a/00000001_0001.jpg",)
    odd = make_images("bounding_box_train/x.jpg", "query/y.jpg", "bounding_box_test/z.jpg", folder="odd")
    assert read_training(odd).paths == ("bounding_box_train/x.jpg",)


def test_train_all_is_taken_before_train_and_what_is_not_read_is_said(make_images):
    root = make_images(
        "train_all/1/a.jpg", "train/1/a.jpg", "val/1/b.jpg", "query/2/c.jpg", "gallery/2/d.jpg"
    )
    table = read_training(root)
    assert table.paths == ("train_all/1/a.jpg",)
    said = describe(table, detect(root), root=root)
    assert said == "Split folders, 1 crop for training from train_all, no cameras; not read: train, val"


def test_without_a_training_folder_nothing_is_guessed(make_images):
    root = make_images("query/a/1.jpg", "gallery/a/2.jpg", "cam1/3.jpg")
    with pytest.raises(DataError, match=r"contains gallery, query but no train folder.*not mixed"):
        read_training(root)
    assert len(read_training(root / "gallery")) == 1
    mixed = read_training(root, "folder")
    assert len(mixed) == 3, "data.layout may ask for it"
    assert "gallery, query mixed as one pool" in describe(mixed, Layout.FOLDER)


@pytest.mark.parametrize(
    ("names", "patterns"),
    [
        (("query/cam1/ann/1.jpg", "gallery/cam2/ann/2.jpg"), ("{*}/{identity}/{*}", "{camera}/{*}")),
        (("query/ann/cam1/1.jpg", "gallery/ann/cam2/2.jpg"), ("{identity}/{*}", "{*}/{camera}/{*}")),
        (("query/cam1/ann_1.jpg", "gallery/cam2/ann_2.jpg"), ("{*}/{identity}_{*}", "{camera}/{*}")),
    ],
)
def test_what_is_not_clear_is_asked_about_and_patterns_answer(make_images, names, patterns):
    root = make_images(*names)
    with pytest.raises(DataError, match="identity or camera is not clear") as error:
        read_evaluation(root)
    identity, camera = patterns
    assert f"--identity-pattern '{identity}' --camera-pattern '{camera}'" in str(error.value)
    with pytest.raises(DataError, match="is not clear"):  # cameras would be lost without a word
        read_evaluation(root, identity_pattern=identity)
    query, gallery = read_evaluation(root, camera_pattern=camera, identity_pattern=identity)
    assert (query.identities.tolist(), gallery.identities.tolist()) == ([1], [1])
    assert query.images.camera_names == ("cam1", "cam2")
    assert (query.images.cameras.tolist(), gallery.images.cameras.tolist()) == ([0], [1])
    unknown = read_evaluation(root, camera_pattern="", identity_pattern=identity)[0]
    assert not unknown.images.has_cameras


def test_flat_folders_need_a_pattern_for_the_people_alone(make_images):
    root = make_images("query/ann_1.jpg", "gallery/ann_2.jpg", "gallery/-1_3.jpg", "gallery/0_4.jpg")
    with pytest.raises(DataError, match="is not in a person's folder"):
        read_evaluation(root)
    splits = read_splits(root, patterns=Patterns(identity="{identity}_{*}"))
    assert splits["gallery"].identities.tolist() == [-1, 1, 2], (
        "-1 is junk, and no name stands for distractors"
    )
    with pytest.raises(DataError, match="matches 1 of 3 images, the first that it does not match"):
        read_evaluation(root, identity_pattern="ann{identity}.jpg")
    with pytest.raises(SettingsError, match=r"identity pattern .* no field '{person}'"):
        read_evaluation(root, identity_pattern="{person}_{*}")


def test_folders_and_names_that_say_different_people_are_asked_about(make_images):
    root = make_images("query/17/0003_c1s1_1_1.jpg", "gallery/17/0003_c2s1_1_1.jpg")
    with pytest.raises(DataError, match=r"is in the folder 17, but its name.*means person 0003"):
        read_evaluation(root)
    query, _ = read_evaluation(root, identity_pattern="{identity}/{*}")
    assert query.images.camera_names == ("c1", "c2"), "cameras are still those of the names"


def test_some_known_names_among_others_are_no_reason_to_drop_cameras(make_images):
    root = make_images("train/0001_c1s1_1_1.jpg", "train/0002_c2s1_1_1.jpg", "train/stray.jpg", "query/1.jpg")
    with pytest.raises(DataError, match=r"2 of 3 files are named as in Market-1501 .*the first is stray.jpg"):
        read_training(root)
    bare = make_images("0001_c1s1_1_1.jpg", "0002_c2s1_1_1.jpg", "stray.jpg", folder="bare")
    said = describe(read_training(bare), Layout.FOLDER)
    assert "no cameras: 2 file names contain one as in Market-1501, 1 do not, the first is stray.jpg" in said


def test_msmt17_names_count_from_zero_in_training_and_test(make_images):
    root = make_images("train/0000_000_01_0303morning_0008_0.jpg", "query/0000_000_05_0303morning_0009_0.jpg")
    make_images("gallery/0000_001_06_0303noon_0001_0.jpg")
    splits = read_splits(root)
    people = {name: table.identities.tolist() for name, table in splits.items()}
    assert people["query"] == people["gallery"] != people["train"]
    assert min(people["train"]) > 0
    assert splits["query"].images.camera_names == ("c1", "c5", "c6")


def test_the_check_says_what_is_missing_and_shows_every_split(make_images):
    root = make_images("train/cam1/1.jpg", "query/cam1/ann_1.jpg", "gallery/cam2/ann_2.jpg")
    report = check_data(root, progress=False)
    assert {name: split.images for name, split in report.splits.items()} == {
        "train": 1,
        "query": 1,
        "gallery": 1,
    }
    assert any("cannot be scored yet" in finding.text for finding in report.findings)

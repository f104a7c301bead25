"""Oddities of single benchmarks of images."""

import json

import pytest
from tests.datasets.trees import Tree, cuhk03, msmt17, plant

from reseen.datasets import Layout, choose, describe, detect, read_evaluation, read_splits, read_training
from reseen.datasets.benchmark_splits import draw_halves
from reseen.errors import DataError, SettingsError


def test_market_distractors_join_the_gallery_when_asked_for(tmp_path):
    root = plant(tmp_path, Layout.MARKET1501)
    assert len(read_evaluation(root)[1]) == 3
    gallery = read_evaluation(root, variant="distractors")[1]
    strangers = [path for path in gallery.images.paths if path.startswith("images/")]
    assert strangers == [
        "images/-1_c1s1_000001_01.jpg",
        "images/0000_c4s1_000001_01.jpg",
        "images/stranger.jpg",
    ]
    assert gallery.identities.tolist() == [0, 3, 3, 0, 0, 0]
    names = gallery.images.camera_names
    assert [names[camera] if camera >= 0 else None for camera in gallery.images.cameras] == [
        "c10", "c1", "c2", "c1", "c4", None,
    ]  # fmt: skip
    for path in (root / "images").iterdir():
        path.unlink()
    (root / "images").rmdir()
    with pytest.raises(DataError, match="no folder images, which contains the 500,000 distractors"):
        read_evaluation(root, variant="distractors")


def test_duke_and_occluded_duke_are_told_apart_by_the_folder(tmp_path):
    assert detect(plant(tmp_path, Layout.DUKE)) is Layout.DUKE
    root = plant(tmp_path, Layout.OCCLUDED_DUKE)
    assert detect(root) is Layout.OCCLUDED_DUKE
    assert read_evaluation(root)[1].identities.tolist() == [5, 7139]
    assert choose(root, "dukemtmc-reid").dataset.title == "DukeMTMC-reID"


def test_personx_without_its_subset_folder_goes_by_its_name(tmp_path):
    root = plant(tmp_path, Layout.PERSONX)
    plain = root / "subset1"
    assert detect(plain) is Layout.MARKET1501
    assert read_training(plain, "personx").camera_names == read_training(root).camera_names == ("c3", "c12")
    plain.rename(tmp_path / "PersonX-six")
    assert detect(tmp_path / "PersonX-six") is Layout.PERSONX


def test_msmt17_with_and_without_val_and_both_releases(tmp_path):
    root = plant(tmp_path, Layout.MSMT17)
    both, alone = read_training(root), read_training(root, variant="train")
    assert (len(both), len(alone)) == (3, 2)
    assert both.camera_names == ("c1", "c14", "c15")
    said = describe(both, Layout.MSMT17, None, root)
    assert said.startswith("MSMT17 V1 layout, train and val together")
    assert "train without val, 2 crops" in describe(alone, Layout.MSMT17, "train", root)
    second = Tree(tmp_path / "second")
    msmt17(second, "mask_train_v2", "mask_test_v2", "_ex")
    root = second.write()
    assert describe(read_training(root), Layout.MSMT17, None, root).startswith("MSMT17 V2 layout")


def test_msmt17_test_people_are_others_than_training_people_of_the_same_number(tmp_path):
    splits = read_splits(plant(tmp_path, Layout.MSMT17))
    assert splits["train"].identities.tolist() == [1, 2, 2]
    assert splits["query"].identities.tolist() == [1042]
    assert splits["gallery"].identities.tolist() == [1042, 1043]


def test_msmt17_people_do_not_reach_the_training_table(tmp_path):
    root = plant(tmp_path, Layout.MSMT17)
    before = read_training(root)
    for name in ("list_train.txt", "list_val.txt"):
        lines = [line.split()[0] for line in (root / name).read_text().splitlines()]
        (root / name).write_text("".join(f"{line} 77\n" for line in lines))
    after = read_training(root)
    assert (before.paths, before.cameras.tolist()) == (after.paths, after.cameras.tolist())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("list_train.txt", None, "list_train.txt: no such list"),
        ("list_val.txt", "0001/0001_005_15_0303noon_0003_0.jpg\n", "line 1: expected `path number`"),
        ("list_val.txt", "\n\n", "lists no crop"),
        ("list_val.txt", "0001/0001_005_15_0303noon_0003_0.jpg 1\n" * 2, "line 2: .* is listed twice"),
        ("list_val.txt", "0009/0009_005_15_0303noon_0003_0.jpg 9\n", "1 of 3 listed crops do not exist"),
        ("list_val.txt", b"\xff\xfe\x00", "cannot be read as a list"),
    ],
)
def test_msmt17_with_bad_lists(tmp_path, name, content, message):
    root = plant(tmp_path, Layout.MSMT17)
    if content is None:
        (root / name).unlink()
    else:
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message):
        read_training(root)


def test_cuhk03_new_protocol_of_both_boxes(tmp_path):
    root = plant(tmp_path, Layout.CUHK03)
    detected, labeled = read_training(root), read_training(root, variant="labeled")
    assert {path.partition("/")[0] for path in detected.paths} == {"images_detected"}
    assert {path.partition("/")[0] for path in labeled.paths} == {"images_labeled"}
    query, gallery = read_evaluation(root, variant="labeled")
    assert query.identities.tolist() == gallery.identities.tolist() == [2001, 2002, 2003]
    assert query.images.camera_names == ("pair2-view1", "pair2-view2"), "a view counts within its pair"


def test_cuhk03_classic_splits_differ_and_ask_all_test_crops(tmp_path):
    root = plant(tmp_path, Layout.CUHK03)
    tested = set()
    for split in range(1, 21):
        query, gallery = read_evaluation(root, variant=f"classic-detected-{split}")
        assert query.images.paths == gallery.images.paths
        tested |= set(query.identities.tolist())
    assert len(tested) == 6
    assert choose(root, variant="classic-detected-3").variant.protocol == "cuhk03-classic"
    assert choose(root).variant.protocol == "market"
    with pytest.raises(SettingsError, match="did you mean 'classic-labeled-2"):
        read_training(root, variant="classic-labeled-21")


def test_cuhk03_as_repacked_by_the_new_protocol(tmp_path):
    tree = Tree(tmp_path / "cuhk03-np")
    for boxes in ("detected", "labeled"):
        tree.crops(f"{boxes}/bounding_box_train/0003_c1_1.png", f"{boxes}/query/0001_c1_24.png")
        tree.crops(f"{boxes}/bounding_box_test/0001_c2_26.png")
    root = tree.write()
    assert detect(root) is Layout.CUHK03
    assert read_training(root, variant="labeled").paths == ("labeled/bounding_box_train/0003_c1_1.png",)
    assert read_evaluation(root)[1].identities.tolist() == [1]
    with pytest.raises(
        DataError, match=r"no splits_classic_detected.json, .* 20 classic splits, and no images"
    ):
        read_training(root, variant="classic-detected-1")


def test_cuhk03_not_extracted_and_with_bad_splits(tmp_path):
    raw = Tree(tmp_path / "raw")
    raw.text("cuhk03_release/cuhk-03.mat", "pixels")
    root = raw.write()
    assert detect(root) is Layout.CUHK03
    with pytest.raises(DataError, match=r"extract .*cuhk-03.mat first"):
        read_training(root)
    tree = Tree(tmp_path / "bad")
    cuhk03(tree)
    root = tree.write()
    (root / "splits_new_detected.json").write_text(json.dumps([{"train": [["1_001_1_01.png"]]}]))
    with pytest.raises(DataError, match="expected a list of splits with train, query and gallery"):
        read_training(root)
    gone = {"train": [["9_001_1_01.png"]], "query": [], "gallery": []}
    (root / "splits_new_detected.json").write_text(json.dumps([gone]))
    with pytest.raises(DataError, match=r"1 of 1 listed crops do not exist, the first is 9_001_1_01.png"):
        read_training(root)


def test_halves_are_halves_and_differ_between_splits():
    people = [f"{number:03d}" for number in range(101)]
    cuts = [draw_halves(people, split) for split in range(1, 11)]
    for train, test in cuts:
        assert (len(train), len(test)) == (50, 51)
        assert sorted(train + test) == people
    assert len({tuple(train) for train, _ in cuts}) == 10
    assert draw_halves(people[::-1] + people, 3) == cuts[2]


def test_viper_asks_from_one_side_for_the_other(tmp_path):
    root = plant(tmp_path, Layout.VIPER)
    query, gallery = read_evaluation(root, variant="4")
    assert [len(query), len(gallery)] == [2, 2]
    assert query.identities.tolist() == gallery.identities.tolist()
    assert {path.partition("/")[0] for path in query.images.paths} == {"cam_a"}
    assert len(read_training(root, variant="4")) == 4
    next((root / "VIPeR/cam_b").glob("009_*")).unlink()
    with pytest.raises(DataError, match="1 people are in only one of the cameras, the first is 009"):
        read_training(root)


def test_a_folder_of_two_cameras_is_not_taken_for_viper(make_images):
    assert detect(make_images("cam_a/1.jpg", "cam_b/2.jpg")) is Layout.FOLDER


def test_cuhk01_has_two_cameras_of_two_images(tmp_path):
    root = plant(tmp_path, Layout.CUHK01)
    query, gallery = read_evaluation(root)
    assert len(query) == len(gallery) == 6
    assert query.images.camera_names == ("A", "B")
    assert set(query.images.cameras.tolist()) == {0}
    (root / "campus/odd.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"odd.png is not named like PPPPIII.png"):
        read_training(root)


def test_randperson_cameras_count_within_a_scene(tmp_path):
    table = read_training(plant(tmp_path, Layout.RANDPERSON))
    assert table.camera_names == ("s00c00", "s00c01", "s01c00")


def test_veri_and_vehicleid(tmp_path):
    assert read_training(plant(tmp_path, Layout.VERI776)).camera_names == ("c1", "c20")
    root = plant(tmp_path, Layout.VEHICLEID)
    assert not read_training(root).has_cameras
    query, gallery = read_evaluation(root)
    assert query.images.paths == gallery.images.paths
    assert choose(root).variant.protocol == "vehicleid"
    drawn = {read_evaluation(root, variant=f"small-{draw}")[1].images.paths for draw in range(1, 11)}
    assert len(drawn) > 1
    for draw in (1, 10):
        query, gallery = read_evaluation(root, variant=f"small-{draw}")
        assert sorted(gallery.identities.tolist()) == [1, 2]
        assert not set(query.images.paths) & set(gallery.images.paths)
        assert len(query) + len(gallery) == 7
    (root / "train_test_split/test_list_800.txt").unlink()
    with pytest.raises(DataError, match=r"test_list_800.txt: no such list"):
        read_evaluation(root)

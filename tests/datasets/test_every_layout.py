"""What holds for every data set in the table, seen on a tiny tree in its layout."""

import re
import shutil
from dataclasses import fields

import numpy as np
import pytest
from tests.datasets.trees import TREES, plant

from reseen.data.pixels import open_pixels
from reseen.datasets import (
    DATASETS,
    Layout,
    choose,
    describe,
    detect,
    parse_layout,
    read_evaluation,
    read_splits,
    read_training,
)
from reseen.errors import DataError, SettingsError
from reseen.tasks.data_check import check_data

SCORED = [layout for layout in TREES if layout not in (Layout.RANDPERSON, Layout.LUPERSON)]


def rows(table):
    tracklets = [None] * len(table) if table.tracklets is None else table.tracklets.tolist()
    return list(zip(table.paths, table.cameras.tolist(), tracklets, strict=True)), table.camera_names


def test_the_table_and_the_trees_have_every_layout():
    assert set(DATASETS) == set(Layout) - {Layout.FOLDER}
    assert set(TREES) == set(DATASETS) - {Layout.MANIFEST}
    assert all(dataset.layout == layout for layout, dataset in DATASETS.items())
    assert [parse_layout(str(layout)) for layout in Layout] == list(Layout)
    assert parse_layout("auto") is None


@pytest.mark.parametrize("layout", list(TREES))
def test_it_is_found_by_looking_and_described(tmp_path, layout):
    root = plant(tmp_path, layout)
    assert detect(root) is layout
    table = read_training(root)
    assert len(table)
    assert DATASETS[layout].title in describe(table, layout, root=root)
    if layout is Layout.RANDPERSON:  # its crops may lie at any depth
        assert detect(tmp_path) is layout
        return
    with pytest.raises(DataError, match=f"one folder down; give {root}"):
        detect(tmp_path)


@pytest.mark.parametrize("layout", list(TREES))
def test_rows_are_sorted_and_the_order_of_files_on_disk_does_not_matter(tmp_path, layout):
    first = read_training(plant(tmp_path / "one", layout, seed=1))
    second = read_training(plant(tmp_path / "two", layout, seed=2))
    assert list(first.paths) == sorted(set(first.paths))
    assert rows(first) == rows(second)
    if layout in SCORED:
        for one, two in zip(
            *(read_evaluation(tmp_path / name / str(layout)) for name in ("one", "two")), strict=True
        ):
            assert rows(one.images) == rows(two.images)
            assert one.identities.tolist() == two.identities.tolist()
            assert list(one.images.paths) == sorted(set(one.images.paths))


@pytest.mark.parametrize("layout", list(TREES))
def test_a_training_table_is_the_training_split_without_its_people(tmp_path, layout):
    root = plant(tmp_path, layout)
    table = read_training(root)
    assert not [field.name for field in fields(table) if "identit" in field.name]
    if DATASETS[layout].splits is not None:
        train = read_splits(root, names=("train",))["train"]
        assert rows(train.images)[0] == rows(table)[0]


@pytest.mark.parametrize("layout", SCORED)
def test_nobody_is_in_training_and_test_and_everybody_found_is_asked_for(tmp_path, layout):
    root = plant(tmp_path, layout)
    people = {name: set(table.identities.tolist()) - {-1, 0} for name, table in read_splits(root).items()}
    assert not people["train"] & (people["query"] | people["gallery"])
    query, gallery = read_evaluation(root)
    assert -1 not in query.identities
    assert -1 not in gallery.identities
    assert query.images.camera_names == gallery.images.camera_names
    assert len(query)
    assert len(gallery)


@pytest.mark.parametrize("layout", list(TREES))
def test_pixels_of_every_crop_can_be_read(tmp_path, layout):
    store = open_pixels(read_training(plant(tmp_path, layout)), 16, 8, progress=False)
    assert store.readable.all()


@pytest.mark.parametrize("layout", list(TREES))
def test_every_variant_is_read_and_an_unknown_one_is_an_error(tmp_path, layout):
    root = plant(tmp_path, layout)
    for variant in DATASETS[layout].variants:
        assert len(read_training(root, variant=variant.name))
        if layout in SCORED:
            query, gallery = read_evaluation(root, variant=variant.name)
            assert set(query.identities.tolist()) & set(gallery.identities.tolist()) or layout is Layout.MARS
        assert set(variant.published) <= {"train", "query", "gallery"}
    assert len({variant.name for variant in DATASETS[layout].variants}) == len(DATASETS[layout].variants)
    near = DATASETS[layout].variants[0].name + "x"
    with pytest.raises(SettingsError, match=re.escape(f"has no variant '{near}'")):
        read_training(root, variant=near)


@pytest.mark.parametrize("layout", list(TREES))
def test_check_reports_on_it(tmp_path, layout):
    report = check_data(plant(tmp_path, layout), progress=False)
    assert report.layout == layout
    assert report.duplicates == ()
    assert report.published == choose(tmp_path / str(layout)).variant.published
    assert [name for name in ("train", "query", "gallery") if name in report.splits] == list(report.splits)
    assert all(not split.unreadable for split in report.splits.values())
    wrong = [finding.text for finding in report.findings if finding.verdict == "wrong"]
    assert not wrong, wrong


@pytest.mark.parametrize("layout", [Layout.RANDPERSON, Layout.LUPERSON])
def test_sets_to_learn_from_alone_say_so_when_scored(tmp_path, layout):
    with pytest.raises(DataError, match=r"no query and gallery|has none"):
        read_evaluation(plant(tmp_path, layout))


@pytest.mark.parametrize("layout", list(DATASETS))
def test_the_table_says_where_a_benchmark_is_from(layout):
    dataset = DATASETS[layout]
    assert dataset.size
    assert dataset.expected_files
    if dataset.access == "own":
        return
    assert dataset.source
    assert dataset.terms
    assert dataset.page.startswith("http") or dataset.access == "withdrawn"
    assert dataset.variants[0].published


@pytest.mark.parametrize("layout", [Layout.DUKE, Layout.OCCLUDED_DUKE, Layout.DUKE_VIDEO])
def test_withdrawn_data_says_so_and_what_to_take_instead(tmp_path, layout):
    root = plant(tmp_path, layout)
    said = describe(read_training(root), layout, root=root)
    assert "withdrawn by its authors in 2019" in said
    assert "MSMT17" in said


def test_a_bare_folder_has_no_variants(make_images):
    with pytest.raises(SettingsError, match="which has no variants; leave it out"):
        read_training(make_images("1.jpg"), variant="small")


def test_cameras_keep_their_numbers_in_all_splits(tmp_path):
    splits = read_splits(plant(tmp_path, Layout.MARKET1501))
    assert {table.images.camera_names for table in splits.values()} == {("c1", "c2", "c3", "c10")}
    assert np.array_equal(splits["gallery"].images.cameras, [0, 3, 0, 1])


@pytest.mark.parametrize("layout", list(DATASETS))
@pytest.mark.parametrize("names", [("1.jpg", "a/2.jpg"), ()], ids=["other", "empty"])
def test_data_that_is_laid_out_otherwise_is_a_clear_error(tmp_path, make_images, layout, names):
    root = make_images(*names) if names else tmp_path
    if layout in (Layout.ANIMALS, Layout.LUPERSON) and names:  # any folder of folders, any folder of images
        root = tmp_path / "nowhere"
    for read in (read_training, read_evaluation, lambda *given: check_data(*given, progress=False)):
        with pytest.raises(DataError) as error:
            read(root, str(layout))
        assert str(root) in str(error.value)


@pytest.mark.parametrize("layout", SCORED)
def test_a_data_set_without_its_test_part_says_what_is_missing(tmp_path, layout):
    if layout in (
        Layout.SHARDS,
        Layout.CUHK01,
        Layout.VIPER,
        Layout.PRID2011,
        Layout.ILIDS_VID,
        Layout.CUHK03,
    ):
        pytest.skip("training and test lie in the same folders")
    root = plant(tmp_path, layout)
    for place in root.rglob("*"):
        if re.match(r"query|image_query|test$|bbox_test|test_list|list_query", place.name):
            shutil.rmtree(place) if place.is_dir() else place.unlink()
    if layout is Layout.PERSONX:
        assert not (root / "subset1/query").exists()
    with pytest.raises(DataError, match=r"query|test|bbox_test"):
        read_evaluation(root)
    assert len(read_training(root))

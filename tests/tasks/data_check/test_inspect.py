import json
import shutil

import pytest
from tests.datasets.trees import plant

from reseen.datasets import DATASETS, Layout, read_splits
from reseen.errors import DataError
from reseen.tasks.data_check import check_data, inspect_data

MARKET1501_PUBLISHED = DATASETS[Layout.MARKET1501].variants[0].published


def market(make_images):
    root = make_images("bounding_box_train/0001_c1s1_1_1.jpg", "bounding_box_train/0005_c2s1_1_1.jpg")
    make_images("query/0001_c1s1_1_1.jpg", size=(20, 40), seed=1)
    make_images("bounding_box_test/0000_c1s1_1_1.jpg", "bounding_box_test/-1_c1s1_1_1.jpg", seed=2)
    shutil.copy(root / "bounding_box_train/0005_c2s1_1_1.jpg", root / "bounding_box_test/0001_c3s1_1_1.jpg")
    (root / "bounding_box_test/0009_c3s1_1_1.jpg").write_text("broken")
    return root


def test_market_report(make_images):
    report = check_data(market(make_images), progress=False)
    train, query, gallery = (report.splits[name] for name in ("train", "query", "gallery"))
    assert (report.layout, report.published) == ("market1501", MARKET1501_PUBLISHED)
    assert (train.images, train.people, train.cameras) == (2, 2, {"c1": 1, "c2": 1})
    assert (query.sizes, train.sizes) == ({"20 x 40": 1}, {"32 x 64": 2})
    assert (gallery.images, gallery.people, gallery.junk, gallery.distractors) == (4, 2, 1, 1)
    assert gallery.unreadable == {"bounding_box_test/0009_c3s1_1_1.jpg": "not an image"}
    same = ("train: bounding_box_train/0005_c2s1_1_1.jpg", "gallery: bounding_box_test/0001_c3s1_1_1.jpg")
    assert (report.duplicates, report.label_conflicts) == ((), (same,)), (
        "persons 5 and 1 cannot be on one picture"
    )
    assert any("label errors, 1 of them between training and test" in found.text for found in report.findings)
    assert report.shared_people == {"train and query": 1, "train and gallery": 1, "query and gallery": 1}
    assert json.loads(json.dumps(report.to_dict()))["splits"]["gallery"]["junk"] == 1


def verdicts(root, **options):
    return {finding.text: finding.verdict for finding in check_data(root, progress=False, **options).findings}


def test_same_bytes_in_training_and_test_are_wrong_and_within_a_split_to_be_looked_at(make_images):
    root = market(make_images)
    shutil.move(root / "bounding_box_test/0001_c3s1_1_1.jpg", root / "bounding_box_test/0005_c3s1_1_1.jpg")
    said = verdicts(root)
    assert (
        said[
            "1 group of files with the same bytes, 1 of them across splits, 1 of them between training and test"
        ]
        == "wrong"
    )
    shutil.move(root / "bounding_box_test/0005_c3s1_1_1.jpg", root / "bounding_box_train/0005_c3s1_1_1.jpg")
    assert verdicts(root)["1 group of files with the same bytes, 0 of them across splits"] == "look"


def test_people_in_training_and_test_are_wrong(make_images):
    text = "1 people in both train and query: training data contains test people; are the splits mixed?"
    said = verdicts(market(make_images))
    assert said[text] == "wrong"
    assert said["everybody in the query is in the training split: was it swapped with the test?"] == "wrong"


def test_query_and_gallery_that_changed_places_are_wrong(make_images):
    names = [f"000{number}_c{camera}s1_1_1.jpg" for number in (1, 2) for camera in (1, 2)]
    root = make_images("query/0000_c1s1_1_1.jpg", *(f"query/{name}" for name in names))
    make_images("bounding_box_test/0001_c3s1_1_1.jpg", seed=3)
    said = verdicts(root)
    assert said["the query has more crops (5) than the gallery (1): swapped?"] == "wrong"
    assert said["the query holds 1 crops of junk or distractors: was it swapped with the gallery?"] == "wrong"
    assert said["1 people in both query and gallery; 1 of 2 queried people are not in the gallery"] == "look"


def test_a_query_that_nobody_in_the_gallery_answers_is_wrong(make_images):
    root = make_images("query/0001_c1s1_1_1.jpg")
    make_images("bounding_box_test/0002_c3s1_1_1.jpg", seed=3)
    assert (
        verdicts(root)["0 people in both query and gallery; 1 of 1 queried people are not in the gallery"]
        == "wrong"
    )


def test_a_drawn_gallery_smaller_than_the_query_is_as_it_should_be(tmp_path):
    said = verdicts(plant(tmp_path, Layout.VEHICLEID), variant="small-1")
    assert "wrong" not in said.values()


def test_one_file_in_query_and_gallery_is_read_once_and_no_duplicate(tmp_path):
    inspection = inspect_data(plant(tmp_path, Layout.CUHK03), progress=False, variant="classic-detected-1")
    assert inspection.report.splits["query"].images == inspection.report.splits["gallery"].images == 2
    assert inspection.report.duplicates == ()
    assert len(inspection.files) == 12


def test_folder_report_knows_no_people(make_images):
    report = check_data(make_images("a/1.jpg", "b/2.jpg"), pattern="{camera}/{*}", progress=False)
    split = report.splits["train"]
    assert (split.people, split.junk, split.distractors) == (None, None, None)
    assert split.cameras == {"a": 1, "b": 1}
    assert (report.shared_people, report.duplicates, report.published) == ({}, (), {})
    assert [finding.verdict for finding in report.findings] == ["fine", "fine"]


def test_manifest_report(make_images):
    root = make_images("a.jpg", "b.jpg")
    (root / "m.csv").write_text("path,split,identity\na.jpg,query,ann\nb.jpg,gallery,ann\n")
    report = check_data(root / "m.csv", progress=False)
    assert {name: split.people for name, split in report.splits.items()} == {"query": 1, "gallery": 1}
    assert report.shared_people == {"query and gallery": 1}
    (root / "plain.csv").write_text("path\na.jpg\n")
    assert check_data(root / "plain.csv", progress=False).splits["train"].cameras == {"unknown": 1}


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        check_data(tmp_path / "gone")


def test_real_market_is_as_published(market_root):
    for name, table in read_splits(market_root).items():
        published = MARKET1501_PUBLISHED[name]
        people = set(table.identities.tolist()) - {-1, 0}
        assert len(table) == published["images"]
        assert len(people) == published["people"]
        assert len(set(table.images.cameras.tolist())) == published["cameras"]
        if name == "gallery":
            assert int((table.identities == -1).sum()) == published["junk"]
            assert int((table.identities == 0).sum()) == published["distractors"]


def test_a_manifest_of_queries_is_not_called_training(make_images):
    root = make_images("a.jpg", "b.jpg")
    (root / "queries.csv").write_text("path,split,identity\na.jpg,query,ann\nb.jpg,query,bob\n")
    report = check_data(root / "queries.csv", progress=False)
    assert list(report.splits) == ["query"]
    assert "2 crops of the split query" in report.sentence
    (root / "nobody.csv").write_text("path,split\na.jpg,query\nb.jpg,gallery\n")
    report = check_data(root / "nobody.csv", progress=False)
    assert {name: split.images for name, split in report.splits.items()} == {"query": 1, "gallery": 1}
    assert "for training" not in report.sentence


def test_unknown_cameras_of_what_is_scored_are_said(make_images):
    root = make_images("query/ann/1.jpg", "gallery/ann/2.jpg")
    said = verdicts(root)
    text = "the cameras of 1 of 1 query crops and 1 of 1 gallery crops are unknown"
    assert [verdict for words, verdict in said.items() if words.startswith(text)] == ["look"]


def test_same_bytes_under_two_identities_are_label_errors_also_within_a_split(make_images):
    root = make_images("query/0001_c1s1_1_1.jpg", "bounding_box_test/0001_c2s1_1_1.jpg")
    shutil.copy(root / "query/0001_c1s1_1_1.jpg", root / "bounding_box_test/0002_c1s1_1_1.jpg")
    report = check_data(root, progress=False)
    same = ("query: query/0001_c1s1_1_1.jpg", "gallery: bounding_box_test/0002_c1s1_1_1.jpg")
    assert (report.duplicates, report.label_conflicts) == ((), (same,))
    text = "1 group of files with the same bytes under different identities: label errors"
    assert {finding.text: finding.verdict for finding in report.findings}[text] == "wrong"

"""The identity 0: nobody in Market-1501's naming, a person where people are counted from 0."""

import json

import pytest
from tests.datasets.trees import jpeg, tar

from reseen.data.labels import write_labels
from reseen.datasets import label_splits, read_evaluation, read_splits
from reseen.tasks.data_check import check_data

ROWS = (
    "path,split,identity\nq.jpg,query,0\nr.jpg,query,1\ng.jpg,gallery,0\nh.jpg,gallery,1\nj.jpg,gallery,-1\n"
)


@pytest.fixture
def manifest(make_images):
    file = make_images("q.jpg", "r.jpg", "g.jpg", "h.jpg", "j.jpg", "t.jpg") / "m.csv"
    file.write_text(ROWS)
    return file


def people(found):
    return [table.identities.tolist() for table in found]


def test_people_of_a_manifest_that_are_counted_from_zero_are_people(manifest):
    assert people(read_evaluation(manifest)) == [[1, 2], [1, 2]]
    found = label_splits(manifest)
    assert found.zero_is_person
    assert found.notes[0].startswith(
        "1 query crops have the identity 0, which counts as a person here; set --distractors"
    )
    assert people(read_evaluation(manifest, distractors="zero")) == [[0, 1], [0, 1]]
    assert people(read_evaluation(manifest, distractors="none")) == [[1, 2], [1, 2]]
    assert not label_splits(manifest, distractors="none").notes, "who says it need not be told"


def test_a_zero_in_the_gallery_alone_is_a_distractor(manifest):
    manifest.write_text(ROWS.replace("q.jpg,query,0", "q.jpg,query,7"))
    found = label_splits(manifest)
    assert (found.zero_is_person, found.notes) == (False, ())
    assert found.tables["gallery"].identities.tolist() == [0, 1, -1]


def test_names_follow_the_same_rule(manifest):
    manifest.write_text(ROWS.replace(",1\n", ",ann\n"))
    query, gallery = people(read_evaluation(manifest))
    assert query == gallery
    assert min(query) > 0


def test_market_1501_names_keep_their_rule(make_images):
    root = make_images(
        "query/0000_c1s1_1_1.jpg", "query/0001_c1s1_1_1.jpg", "bounding_box_test/0000_c2s1_1_1.jpg"
    )
    assert people(read_evaluation(root)) == [[0, 1], [0]]
    assert people(read_evaluation(root, distractors="none")) == [[1, 2], [1]]


def test_shards_follow_the_rule_of_manifests(tmp_path):
    said = {"a": {"split": "query", "identity": 0}, "b": {"split": "gallery", "identity": 0}}
    images = {f"{key}.jpg": jpeg(key) for key in said}
    (tmp_path / "s.tar").write_bytes(
        tar(images | {f"{key}.json": json.dumps(said[key]).encode() for key in said})
    )
    assert people(read_evaluation(tmp_path / "s.tar")) == [[1], [1]]


def test_labels_of_the_first_person_are_not_lost(manifest, tmp_path):
    manifest.write_text(ROWS + "t.jpg,train,0\n")
    train = read_splits(manifest, names=("train",))["train"]
    assert write_labels(tmp_path / "labels.csv", train) == 1


def test_the_check_counts_the_first_person_and_says_so(manifest):
    report = check_data(manifest, progress=False)
    assert (report.splits["query"].people, report.splits["query"].distractors) == (2, 0)
    said = {finding.verdict: finding.text for finding in report.findings if "identity 0" in finding.text}
    assert list(said) == ["look"]

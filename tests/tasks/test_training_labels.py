"""Identities of training crops, as a file."""

import csv

import pytest

from reseen.datasets import read_splits
from reseen.errors import DataError
from reseen.tasks.training_labels import write_training_labels


def test_every_training_crop_gets_its_identity(crowd, tmp_path):
    out = tmp_path / "labels.csv"
    count = write_training_labels(crowd, out)
    table = read_splits(crowd, names=("train",))["train"]
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count == len(table)
    assert {row["path"]: int(row["label"]) for row in rows} == dict(
        zip(table.images.texts, table.identities.tolist(), strict=True)
    )


def test_a_folder_without_identities_is_refused(make_images, tmp_path):
    with pytest.raises(DataError, match="the identity of each crop is needed"):
        write_training_labels(make_images("a/1.jpg", "b/2.jpg"), tmp_path / "labels.csv")

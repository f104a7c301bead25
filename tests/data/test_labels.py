"""Files of labels."""

import numpy as np
import pytest

from reseen.data.evaluation_table import EvaluationTable
from reseen.data.labels import read_labels, write_labels
from reseen.datasets import read_training
from reseen.errors import DataError


@pytest.fixture
def table(make_images):
    return read_training(make_images("a,1.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"))


def test_what_is_written_is_read_and_junk_and_distractors_are_left_out(table, tmp_path):
    file = tmp_path / "labels.csv"
    assert write_labels(file, EvaluationTable(table, np.array([7, 3, 7, 0, -1]))) == 3
    assert read_labels(file, table).tolist() == [0, 1, 0, -1, -1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the columns path,label, found nothing"),
        ("file,who\na,1\n", "expected the columns path,label, found file,who"),
        ("path,label\nb.jpg\n", r"line 2: expected a path and a label"),
        ("path,label\nb.jpg,\n", r"line 2: expected a path and a label"),
        ("path,label\nb.jpg,1\nb.jpg,2\n", r"line 3: b.jpg is labeled twice"),
        ("path,label\nb.jpg,1\nc.jpg,1\n", "at least two people among the crops of .*, found 1"),
        ("path,label\nx.jpg,1\n", "found 0; paths are relative to that folder"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(table, tmp_path, text, message):
    file = tmp_path / "labels.csv"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        read_labels(file, table)


def test_a_missing_file_is_told_of(table, tmp_path):
    with pytest.raises(DataError, match="cannot be read as a CSV file of labels"):
        read_labels(tmp_path / "none.csv", table)

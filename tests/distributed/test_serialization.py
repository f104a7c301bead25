from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.cluster import Clustering
from reseen.data.table import ImageTable
from reseen.distributed.serialization import deserialize, serialize
from reseen.records import PseudoLabels

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda below: (
        st.lists(below) | st.lists(below).map(tuple) | st.dictionaries(st.text() | st.integers(), below)
    ),
)


@settings(max_examples=30)
@given(PLAIN)
def test_words_and_numbers_come_back(value):
    assert deserialize(serialize(value)) == value


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3),
        np.zeros((0, 4), np.float32),
        np.array(2.5),
        np.array([True]),
        np.arange(9)[::2],
    ],
)
def test_arrays_come_back_and_can_be_written_to(array):
    found = deserialize(serialize({"a": (array, 1)}))["a"][0]
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert np.array_equal(found, array)
    found[...] = 0


def test_records_come_back():
    paths = ("a.jpg", "stra\udcdfe.jpg")  # a name that is no UTF-8
    table = ImageTable(Path("/data"), paths, np.array([0, -1]), ("c1",), times=np.array([1.5, np.nan]))
    clustering = Clustering(PseudoLabels(np.array([0, -1, 0])), 0.5, ("a note",), {"search": 0.25})
    other, same = deserialize(serialize((table, clustering)))
    assert (other.root, other.paths, other.camera_names) == (table.root, paths, ("c1",))
    assert np.array_equal(other.cameras, table.cameras)
    assert np.array_equal(other.times, table.times, equal_nan=True)
    assert other.tracklets is None
    assert np.array_equal(same.labels.labels, clustering.labels.labels)
    assert (same.eps, same.notes, same.seconds) == (0.5, ("a note",), {"search": 0.25})


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array([object()])])
def test_what_cannot_be_sent_is_refused(value):
    with pytest.raises(TypeError, match="cannot be sent"):
        serialize(value)

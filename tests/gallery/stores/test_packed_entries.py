import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gallery.conftest import draw

from reseen.errors import GalleryError
from reseen.gallery.entries import Entries, Entry, Hit
from reseen.gallery.stores.packed_entries import pack_entries, pack_hits, unpack_entries, unpack_hits

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=10)
numbers = st.none() | st.integers(-(2**63), 2**63 - 1)
entry_values = st.builds(
    Entry, texts, texts, st.binary(max_size=20), st.none() | texts,
    st.none() | st.floats(allow_nan=False), numbers, numbers,
)  # fmt: skip


@given(some=st.lists(entry_values, max_size=5), dimension=st.integers(1, 4))
def test_entries_come_back(some, dimension):
    vectors = np.zeros((len(some), dimension), np.float32)
    vectors[:, -1] = 1
    found = unpack_entries(pack_entries(Entries(some, vectors)))
    assert list(found.entries) == some
    np.testing.assert_array_equal(found.vectors, vectors)


def test_vectors_keep_their_bits():
    entries = draw(50)
    np.testing.assert_array_equal(unpack_entries(pack_entries(entries)).vectors, entries.vectors)


@given(some=st.lists(st.builds(Hit, entry_values, st.floats(-1, 1)), max_size=5))
def test_hits_come_back(some):
    assert unpack_hits(pack_hits(some)) == some


def stream(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def changed(name, values, drop=False):
    """A good stream with one other column."""
    table = pa.ipc.open_stream(pack_entries(draw(3))).read_all()
    place = table.schema.get_field_index(name)
    table = table.drop_columns(name)
    return stream(table if drop else table.add_column(place, name, values))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"no arrow", pack_entries(draw(3))[:-200], pack_hits([]),
        changed("image", pa.array(["a", None, "c"])), changed("image", pa.array([1, 2, 3])),
        changed("camera", None, drop=True), changed("vector", pa.array([[1.0], [1.0], [1.0]])),
        changed("vector", pa.array([[2.0]] * 3, pa.list_(pa.float32(), 1))),
        changed("vector", pa.array([[float("nan")]] * 3, pa.list_(pa.float32(), 1))),
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_entries_is_refused(content):
    with pytest.raises(GalleryError):
        unpack_entries(content)


def test_what_is_no_hits_is_refused():
    with pytest.raises(GalleryError, match="no hits"):
        unpack_hits(pack_entries(draw(3)))

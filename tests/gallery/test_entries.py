import numpy as np
import pytest
from tests.gallery.conftest import draw

from reseen.errors import GalleryError
from reseen.gallery.entries import Entries, Entry


def test_a_key_is_that_of_source_and_image_alone():
    assert Entry("/a", "b.jpg", camera="c1").key == Entry("/a", "b.jpg", time=3.0).key
    assert len({Entry("/a", "b.jpg").key, Entry("/a", "c.jpg").key, Entry("/c", "b.jpg").key}) == 3


def test_a_vector_of_another_length_is_named():
    given = draw(3)
    with pytest.raises(GalleryError, match=r"1 of 3 vectors.*00001.jpg with length 2"):
        Entries(given.entries, given.vectors * np.array([[1], [2], [1]], dtype=np.float32))


def test_nan_is_no_vector():
    given = draw(2)
    given.vectors[1, 0] = np.nan
    with pytest.raises(GalleryError, match="1 of 2"):
        Entries(given.entries, given.vectors)


def test_every_entry_has_a_vector():
    with pytest.raises(GalleryError, match="2 entries"):
        Entries(draw(2).entries, draw(3).vectors)

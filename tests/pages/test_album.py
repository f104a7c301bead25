import numpy as np
import pytest

import reseen
from reseen.data.crops import Crops
from reseen.data.pixels import PixelStore
from reseen.pages.album import evenly_spaced, pictures
from reseen.records import to_index_tensor


def test_pictures_are_the_crops_asked_for_no_taller_than_said(crowd):
    table = reseen.read_training(crowd)
    crops = Crops(table, PixelStore(table, (64, 32), None, {}), to_index_tensor(np.arange(len(table))))
    one, other = pictures(crops, [3, 1])
    expected = crops.images(to_index_tensor(np.array([3, 1]))).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(one, expected[0])
    assert np.array_equal(other, expected[1])
    assert pictures(crops, [3], max_height=40)[0].shape == (40, 20, 3)


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 1), (24, 24), (100, 24)])
def test_spread(count, expected):
    rows = evenly_spaced(list(range(count)), 24)
    assert len(rows) == len(set(rows)) == expected
    assert count == 0 or (rows[0], rows[-1]) == (0, count - 1)

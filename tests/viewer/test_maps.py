import struct
import uuid

import numpy as np
import pytest

from reseen.viewer.collection import UNCLUSTERED
from reseen.viewer.maps import MAGIC, points_as_bytes


def test_bytes_are_read_back_by_hand():
    keys = [str(uuid.uuid4()) for _ in range(3)]
    places = np.array([[0, 1], [-1, 0.5], [0.25, -0.75]], np.float32)
    data = points_as_bytes(places, np.array([0, -1, 2]), np.array([5, -1, UNCLUSTERED]), keys)
    assert len(data) == 8 + 32 * 3
    assert struct.unpack_from("<4sI", data) == (MAGIC, 3)
    assert struct.unpack_from("<6f", data, 8) == (0, 1, -1, 0.5, 0.25, -0.75)
    assert struct.unpack_from("<3i", data, 32) == (0, -1, 2)
    assert struct.unpack_from("<3i", data, 44) == (5, -1, -2)
    assert [str(uuid.UUID(bytes=data[56 + 16 * row : 72 + 16 * row])) for row in range(3)] == keys


def test_no_points_are_a_header():
    empty = np.empty(0, np.int64)
    assert points_as_bytes(np.empty((0, 2), np.float32), empty, empty, []) == MAGIC + bytes(4)


def test_counts_must_agree():
    with pytest.raises(ValueError, match="1 coordinates, 0 cameras"):
        points_as_bytes(np.zeros((1, 2), np.float32), np.empty(0, np.int64), np.zeros(1, np.int64), ["a"])

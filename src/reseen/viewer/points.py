"""The points of a map as bytes: what the page needs of each crop to draw it, and no more.

Little-endian: `RSP1`; count n, uint32; places x y, n float32 pairs; camera, n int32 (-1 unknown), a row of the table
of cameras; cluster, n int32 (-1 noise, -2 never clustered); key, n times the 16 bytes of a UUID.
"""

import uuid
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Int64

MAGIC = b"RSP1"


def points_as_bytes(
    places: Float32[np.ndarray, "n 2"],
    cameras: Int64[np.ndarray, " n"],
    clusters: Int64[np.ndarray, " n"],
    keys: Sequence[str],
) -> bytes:
    """8 + 32 n bytes.

    Raises:
        ValueError: the counts differ, or a key is no UUID.
    """
    count = len(places)
    if not len(cameras) == len(clusters) == len(keys) == count:
        raise ValueError(
            f"{count} places, {len(cameras)} cameras, {len(clusters)} clusters, {len(keys)} keys"
        )
    return b"".join(
        (
            MAGIC,
            np.uint32(count).astype("<u4").tobytes(),
            places.astype("<f4").tobytes(),
            cameras.astype("<i4").tobytes(),
            clusters.astype("<i4").tobytes(),
            *(uuid.UUID(key).bytes for key in keys),
        )
    )

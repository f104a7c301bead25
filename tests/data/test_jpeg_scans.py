import io

import numpy as np
import pytest
from PIL import Image

from reseen.data.decode import UnreadableError, decode
from reseen.data.jpeg_scans import MOST_SCANS, count_scans

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8))


def jpeg(**options):
    stream = io.BytesIO()
    PICTURE.save(stream, "JPEG", **options)
    return stream.getvalue()


def with_scans(times):
    """The last scan of a progressive JPEG again and again."""
    content = jpeg(progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * times + content[-2:]


def test_scans_are_those_of_the_image_alone():
    plain, progressive = jpeg(), jpeg(progressive=True)
    behind = np.random.default_rng(1).bytes(1_000_000)
    assert count_scans(plain, 999) == count_scans(plain + behind, 999) == 1
    assert count_scans(progressive, 999) == count_scans(progressive + behind, 999) == 10
    assert count_scans(jpeg(restart_marker_blocks=1), 999) == 1
    thumbnail = plain[:2] + b"\xff\xe1" + (len(progressive) + 2).to_bytes(2, "big") + progressive + plain[2:]
    assert count_scans(thumbnail, 999) == 1
    assert count_scans(b"\xff\xd8\xff", 9) == 0


def test_thousands_of_scans_are_refused_before_they_are_decoded():
    assert decode(with_scans(20)).shape == (64, 32, 3)
    with pytest.raises(UnreadableError, match=f"more than {MOST_SCANS} scans of 32 x 64 pixels"):
        decode(with_scans(3000))

import os

import pytest

from reseen.data.decode import UnreadableError, read_bytes
from reseen.data.image_source import ImageSource


def test_a_crop_that_became_a_pipe_or_a_device_is_unreadable_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").symlink_to("/dev/zero")
    for name in ("a.jpg", "b.jpg"):
        for source in (ImageSource(tmp_path / name), ImageSource(tmp_path / name, 0, 9)):
            with pytest.raises(UnreadableError, match="not a regular file"):
                read_bytes(source)

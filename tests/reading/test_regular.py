import os
from pathlib import Path

import pytest

from reseen.reading import open_regular, read_lines, read_regular


@pytest.fixture
def pipe(tmp_path):
    """A pipe that nobody writes: opened plainly, it waits for ever."""
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_pipes_devices_and_folders_are_refused_at_once(pipe, tmp_path):
    link = tmp_path / "link"
    link.symlink_to("/dev/zero")
    for place in (pipe, Path("/dev/zero"), link, tmp_path):
        with pytest.raises(OSError, match="not a regular file"):
            open_regular(place)


def test_a_link_to_a_file_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 9)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert read_regular(tmp_path / "b") == b"x" * 9
    with pytest.raises(ValueError, match="9 bytes, and at most 5"):
        read_regular(tmp_path / "b", 5)


def test_lines_are_as_they_are(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfa\r\nb\nc")
    assert list(read_lines(tmp_path / "a")) == ["a\r\n", "b\n", "c"]
    (tmp_path / "b").write_bytes(b"\xff")
    with pytest.raises(ValueError, match="utf-8"):
        read_lines(tmp_path / "b")

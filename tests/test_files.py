import errno
import os

import pytest

from reseen.errors import StorageError
from reseen.files import make_folder, storage_error, write_atomically, write_text


def test_text_is_written_below_new_folders_and_readable_as_any_file(tmp_path):
    path = tmp_path / "a" / "b" / "text"
    write_text(path, "hällo")
    assert path.read_text(encoding="utf-8") == "hällo"
    (tmp_path / "plain").write_text("")
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    write_text(path, "again")
    assert path.read_text() == "again"
    assert os.listdir(path.parent) == ["text"]  # noqa: PTH208


@pytest.mark.parametrize("error", [OSError(errno.EIO, "I/O error"), KeyboardInterrupt(), ValueError("bug")])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "file"
    path.write_text("old")

    def half(temporary):
        temporary.write_text("ne")
        raise error

    with pytest.raises(StorageError if isinstance(error, OSError) else type(error)):
        write_atomically(path, half)
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_messages(tmp_path):
    full = storage_error(tmp_path, OSError(errno.ENOSPC, "No space left on device"))
    assert (
        str(full)
        == f"{tmp_path}: the disk is full; free some space and give the command again, a training with --resume"
    )
    denied = storage_error(tmp_path, OSError(errno.EACCES, "Permission denied"))
    assert "cannot be written (Permission denied); choose another place" in str(denied)
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageError, match="cannot be written"):
            make_folder(place)
    with pytest.raises(StorageError, match="cannot be written"):
        write_text(tmp_path, "a folder stands here")
    assert make_folder(tmp_path / "x" / "y").is_dir()
    assert make_folder(tmp_path / "x" / "y").is_dir()

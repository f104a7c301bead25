import errno
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from reseen.errors import StorageError
from reseen.files import (
    check_output,
    create_file,
    host_name,
    make_folder,
    open_journal,
    storage_error,
    write_atomically,
    write_text,
)


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
        == f"{tmp_path}: the disk is full; free some space and run the command again (resume training with --resume)"
    )
    denied = storage_error(tmp_path, OSError(errno.EACCES, "Permission denied"))
    assert "cannot be written (Permission denied); choose another path" in str(denied)
    (tmp_path / "file").write_text("")
    large = storage_error(tmp_path, OSError(errno.EFBIG, "File too large"))
    assert "larger than the file-size limit of this process" in str(large)
    assert "ulimit -f" in str(large)
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageError, match="cannot be written"):
            make_folder(place)
    with pytest.raises(StorageError, match="cannot be written"):
        write_text(tmp_path, "a folder stands here")
    assert make_folder(tmp_path / "x" / "y").is_dir()
    assert make_folder(tmp_path / "x" / "y").is_dir()


def test_what_a_killed_writer_left_is_removed_by_the_next_one(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
        ended.wait()
    names = {
        "dead": f".file.{host_name()}-{ended.pid}.part",
        "alive": f".file.{host_name()}-{os.getppid()}.part",
        "elsewhere": f".file.other_machine-{ended.pid}.part",
        "of another file": f".fil.{host_name()}-{ended.pid}.part",
    }
    for name in names.values():
        (tmp_path / name).write_text("half")
    write_text(tmp_path / "file", "whole")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"file", *names.values()} - {names["dead"]}


@pytest.fixture
def device(tmp_path):
    """A device node beside what is written; only root can make one."""
    node = tmp_path / "device"
    try:
        os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, 7))
    except OSError:
        pytest.skip("device nodes cannot be made here")
    return node


WRITERS = [lambda path: write_text(path, "x"), open_journal, create_file, check_output]


@pytest.mark.parametrize("write", WRITERS)
def test_a_device_stays_a_device(device, write):
    with pytest.raises(StorageError, match="cannot be written, it is a device; give the name of a file"):
        write(device)
    assert stat.S_ISCHR(device.stat().st_mode)
    assert os.listdir(device.parent) == ["device"]  # noqa: PTH208


@pytest.mark.parametrize("write", WRITERS)
def test_what_is_no_regular_file_is_never_written_or_replaced(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    os.mkfifo("pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for name in ("pipe", "folder", "socket"):
            with pytest.raises(
                StorageError, match=f"cannot be written, it is a {name}; give the name of a file"
            ):
                write(tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe", "socket"]  # noqa: PTH208


def test_a_link_to_a_device_is_refused_and_no_file_is_put_among_devices(tmp_path):
    (tmp_path / "link").symlink_to("/dev/null")
    with pytest.raises(StorageError, match="it is a device"):
        write_text(tmp_path / "link", "x")
    for name in ("/dev/stdout", "/dev/reseen", "/proc/reseen"):
        with pytest.raises(StorageError, match="cannot be written"):
            write_text(Path(name), "x")
    assert not Path("/dev/reseen").exists()


def test_a_file_that_is_written_whole_replaces_a_link_and_not_what_it_points_to(tmp_path):
    target = tmp_path / "target"
    target.write_text("precious")
    for write in (lambda path: write_text(path, "new"), lambda path: create_file(path).close()):
        link = tmp_path / "link"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        write(link)
        assert target.read_text() == "precious"
        assert not link.is_symlink()
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    write_text(tmp_path / "dangling", "new")
    assert (tmp_path / "dangling").read_text() == "new"
    assert not (tmp_path / "nothing").exists()


def test_a_temporary_name_that_is_a_link_is_not_followed(tmp_path):
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / f".file.{host_name()}-{os.getpid()}.part").symlink_to(target)
    write_text(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"
    assert target.read_text() == "precious"


def test_a_journal_grows_and_is_never_a_link(tmp_path):
    for _ in range(2):
        with open_journal(tmp_path / "journal") as lines:
            lines.write(b"line\n")
    assert (tmp_path / "journal").read_bytes() == b"line\nline\n"
    (tmp_path / "link").symlink_to(tmp_path / "journal")
    with pytest.raises(StorageError, match="it is a link, which is not followed here"):
        open_journal(tmp_path / "link")
    assert (tmp_path / "journal").read_bytes() == b"line\nline\n"


def test_file_names_that_are_no_text_keep_their_bytes(tmp_path):
    write_text(tmp_path / "list", "a\udcff.jpg ü\n")
    assert (tmp_path / "list").read_bytes() == b"a\xff.jpg \xc3\xbc\n"
    write_text(tmp_path / "list", "half a pair: \ud83d")
    assert (tmp_path / "list").read_bytes() == b"half a pair: ?"

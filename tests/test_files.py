import errno
import fcntl
import os
import subprocess
import sys

import pytest

from reseen.errors import RunError, StorageError
from reseen.files import held, host_name, make_folder, storage_error, write_atomically, write_text


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


def busy(process):
    return RunError(f"held by {process}")


def test_a_lock_is_held_by_one_and_let_go_of(tmp_path):
    lock = tmp_path / "lock"
    with held(lock, busy):
        assert lock.read_text() == str(os.getpid())
        with pytest.raises(RunError, match=f"held by {os.getpid()}"), held(lock, busy):
            pytest.fail("it was held")
    with held(lock, busy):
        pass
    with pytest.raises(StorageError, match="cannot be written"), held(tmp_path / "nowhere" / "lock", busy):
        pytest.fail("there is no such folder")


def test_a_lock_removed_by_its_last_holder_is_made_anew(tmp_path):
    lock = tmp_path / "lock"
    with held(lock, busy):
        lock.unlink()
        with held(lock, busy):  # the name is free: nobody can see the removed file any more
            assert lock.read_text() == str(os.getpid())


def test_a_file_system_without_locks_goes_without(tmp_path, monkeypatch):
    def without(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", without)
    with held(tmp_path / "lock", busy), held(tmp_path / "lock", busy):
        pass


def test_a_killed_process_holds_nothing(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from reseen.files import hold\n"
        "hold(Path(sys.argv[1])); print('held', flush=True); time.sleep(6000)"
    )
    lock = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", script, str(lock)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with pytest.raises(RunError, match=f"held by {process.pid}"), held(lock, busy):
            pytest.fail("it was held")
        process.kill()
        process.wait()
        with held(lock, busy):
            pass

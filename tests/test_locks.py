import errno
import os
import subprocess
import sys

import pytest

from reseen import locks
from reseen.errors import RunError, StorageError
from reseen.locks import acquire, acquire_read_only, exclusive_lock, exclusive_writer, holder_of


def busy(process):
    return RunError(f"held by {process}")


@pytest.fixture
def held_elsewhere():
    """A function that has another process hold a lock until the end of the test. Returns that process."""
    script = (
        "import sys; from pathlib import Path; from reseen.locks import acquire\n"
        "acquire(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    processes = []

    def start(lock):
        words = [sys.executable, "-c", script, str(lock)]
        processes.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        processes[-1].stdout.readline()
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_a_lock_is_held_by_one_and_let_go_of(tmp_path):
    lock = tmp_path / "lock"
    with exclusive_lock(lock, busy):
        assert lock.read_text().strip() == holder_of(lock) == str(os.getpid())
        with pytest.raises(RunError, match=f"held by {os.getpid()}"), exclusive_lock(lock, busy):
            pytest.fail("it was held")
    assert holder_of(lock) is None
    with exclusive_lock(lock, busy):
        pass
    with (
        pytest.raises(StorageError, match="cannot be written"),
        exclusive_lock(tmp_path / "nowhere" / "lock", busy),
    ):
        pytest.fail("there is no such folder")


def test_a_lock_removed_by_its_last_holder_is_made_anew(tmp_path):
    lock = tmp_path / "lock"
    with exclusive_lock(lock, busy):
        lock.unlink()
        with exclusive_lock(lock, busy):  # the name is free: nobody can see the removed file any more
            assert lock.read_text().strip() == str(os.getpid())


def test_a_file_system_without_locks_goes_without(tmp_path, monkeypatch):
    def without(descriptor, blocking):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks, "lock_descriptor", without)
    with exclusive_lock(tmp_path / "lock", busy), exclusive_lock(tmp_path / "lock", busy):
        assert holder_of(tmp_path / "lock") is None


def test_a_killed_process_holds_nothing(tmp_path, held_elsewhere):
    lock = tmp_path / "lock"
    process = held_elsewhere(lock)
    assert holder_of(lock) == str(process.pid)
    with pytest.raises(RunError, match=f"held by {process.pid}"), exclusive_lock(lock, busy):
        pytest.fail("it was held")
    process.kill()
    process.wait()
    assert holder_of(lock) is None
    with exclusive_lock(lock, busy):
        pass


def test_asking_whether_a_lock_is_held_keeps_nobody_from_taking_it(tmp_path, monkeypatch):
    """Whoever asks has the lock for a moment, with no number in it, or that of a process that is gone."""
    lock = tmp_path / "lock"
    for left in ("", " 999999999"):
        lock.write_text(left)
        asking = os.open(lock, os.O_RDONLY)
        assert locks.lock_descriptor(asking, blocking=False)
        monkeypatch.setattr(locks.time, "sleep", lambda _, asking=asking: os.close(asking))
        acquire(lock).release()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.close(asking)


@pytest.mark.parametrize(
    "make", [lambda link, target: link.symlink_to(target), lambda link, _: os.mkfifo(link)]
)
def test_a_lock_that_is_no_regular_file_is_refused(tmp_path, make):
    target, lock = tmp_path / "target", tmp_path / "lock"
    target.write_text("precious")
    make(lock, target)
    with pytest.raises(StorageError, match=r"it is a (link|pipe)"):
        acquire(lock)
    assert holder_of(lock) is None
    assert target.read_text() == "precious"


@pytest.mark.parametrize("content", ["my notes", "12 34", "7" * 100])
def test_a_file_that_holds_something_else_is_no_lock(tmp_path, content):
    (tmp_path / "lock").write_text(f" {content}")
    with pytest.raises(StorageError, match="a lock file is needed here, and this file has other content"):
        acquire(tmp_path / "lock")
    assert (tmp_path / "lock").read_text() == f" {content}"


def test_where_nothing_can_be_written_a_lock_is_taken_as_it_is(tmp_path, held_elsewhere):
    lock = tmp_path / "lock"
    assert acquire_read_only(lock).descriptor is None  # no file, no lock
    assert list(tmp_path.iterdir()) == []
    acquire(lock).release()
    reading = acquire_read_only(lock)
    assert holder_of(lock) == "unknown"
    reading.release()
    process = held_elsewhere(lock)
    with pytest.raises(BlockingIOError, match=str(process.pid)):
        acquire_read_only(lock)


def test_of_two_writers_of_a_file_the_second_is_told_who_the_first_is(tmp_path, held_elsewhere):
    out = tmp_path / "new" / "out.csv"
    with exclusive_writer(out):
        with pytest.raises(StorageError, match=rf"out.csv: another process \(ID {os.getpid()}\) is writing"):
            exclusive_writer(out).__enter__()
        with exclusive_writer(out.with_name("other.csv")):
            pass
    assert list(out.parent.iterdir()) == []
    out.mkdir()
    with pytest.raises(StorageError, match="it is a folder"):
        exclusive_writer(out).__enter__()

import os
import signal
import subprocess
import sys

import pytest

from reseen.data import pixel_cache as cache


def entry(folder, key, size_bytes, used):
    def fill(place):
        (place / cache.PIXELS_FILE).write_bytes(bytes(size_bytes))
        return {"root": "/data", "images": 1, "height": 1, "width": 1, "problems": {}}

    made = cache.create_entry(folder, key, fill)
    os.utime(made / cache.DETAILS_FILE, (used, used))
    return made


def keys(folder):
    return [held.key for held in cache.entries(folder)]


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("RESEEN_CACHE", "/own")
    monkeypatch.setenv("XDG_CACHE_HOME", "/general")
    assert str(cache.cache_folder(tmp_path)) == f"{tmp_path}/pixels"
    assert str(cache.cache_folder()) == "/own/pixels"
    monkeypatch.delenv("RESEEN_CACHE")
    assert str(cache.cache_folder()) == "/general/reseen/pixels"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/ann")
    assert str(cache.cache_folder()) == "/home/ann/.cache/reseen/pixels"


def test_least_recently_used_goes_first(tmp_path):
    for key, used in (("b", 20), ("a", 30), ("c", 10)):
        entry(tmp_path, key, 1000, used)
    assert keys(tmp_path) == ["c", "b", "a"]
    cache.touch(tmp_path / "c")
    cache.evict(tmp_path, 1000, 3600)
    assert keys(tmp_path) == ["a", "c"]
    cache.evict(tmp_path, 1000, 10**6)
    assert keys(tmp_path) == ["a", "c"]


def test_clear_leaves_nothing(tmp_path):
    entry(tmp_path, "a", 1000, 1)
    assert cache.clear(tmp_path) >= 1000
    assert list(tmp_path.iterdir()) == []
    assert cache.clear(tmp_path / "never made") == 0


def test_failed_entry_leaves_nothing(tmp_path):
    def fill(place):
        (place / cache.PIXELS_FILE).write_bytes(b"half")
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        cache.create_entry(tmp_path, "a", fill)
    assert list(tmp_path.iterdir()) == []


def test_first_rename_wins(tmp_path):
    def fill(place):
        entry(tmp_path, "a", 10, 1)
        (place / cache.PIXELS_FILE).write_bytes(bytes(99))
        return {"problems": {}}

    made = cache.create_entry(tmp_path, "a", fill)
    assert (made / cache.PIXELS_FILE).stat().st_size == 10
    assert [place.name for place in tmp_path.iterdir()] == ["a"]


def test_damaged_details_are_no_entry(tmp_path):
    made = entry(tmp_path, "a", 10, 1)
    (made / cache.DETAILS_FILE).write_text("[]")
    assert cache.entries(tmp_path) == []


def test_what_a_killed_process_leaves_is_swept(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from reseen.data import pixel_cache as cache\n"
        "def fill(place):\n"
        "    (place / cache.PIXELS_FILE).write_bytes(b'half'); print('ready', flush=True); time.sleep(6000)\n"
        "cache.create_entry(Path(sys.argv[1]), 'key', fill)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        cache.remove_stale(tmp_path)
        assert len(list(tmp_path.iterdir())) == 1, "its process lives"
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(list(tmp_path.iterdir())) == 1
    assert cache.entries(tmp_path) == []
    cache.remove_stale(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_sweep_removes_strangers_only_after_a_day(tmp_path):
    for name in (".tmp-key-elsewhere-1-abc", ".tmp-odd"):
        (tmp_path / name).mkdir()
    cache.remove_stale(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    for place in tmp_path.iterdir():
        os.utime(place, (1, 1))
    cache.remove_stale(tmp_path)
    assert list(tmp_path.iterdir()) == []

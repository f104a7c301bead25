import mmap
import time
from contextlib import contextmanager

import numpy as np
import pytest

from reseen.errors import SettingsError
from reseen.runs import process_memory as module
from reseen.runs.process_memory import MemoryWatch, own_bytes, parse_memory, show_memory

LINUX = pytest.mark.skipif(own_bytes() is None, reason="only Linux tells a process's own memory")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("4GB", 4 * 10**9),
        ("500 mb", 5 * 10**8),
        ("1.5GiB", 3 << 29),
        ("1.5Gi", 3 << 29),
        (" 3 b ", 3),
        ("64K", 64_000),
        ("123456789", 123456789),
        ("2T", 2 * 10**12),
    ],
)
def test_amounts_of_memory(text, amount):
    assert parse_memory(text) == amount


@pytest.mark.parametrize(
    "text", ["", "much", "4 XB", "-1GB", "0", "0.4B", "4iB", "1e9", "4GB more", "4.GB", "4 kbit"]
)
def test_no_amounts_of_memory(text):
    with pytest.raises(SettingsError, match="expected an amount of memory such as 4GB, 500MB or"):
        parse_memory(text)


def test_amounts_are_shown_in_three_digits():
    assert show_memory(1.2345e9) == "1.23 GB"
    assert show_memory(310_400_000) == "310 MB"


@contextmanager
def pages(count):
    """Fresh memory straight from the system: an array may get some that an earlier test has left behind."""
    with mmap.mmap(-1, count, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as held:
        for start in range(0, count, mmap.PAGESIZE):
            held[start] = 1
        yield


@LINUX
def test_own_memory_counts_arrays_and_not_mapped_files(tmp_path):
    np.save(tmp_path / "a.npy", np.ones(12_500_000))
    before = own_bytes()
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert mapped.sum() == 12_500_000  # every page was read
    assert own_bytes() - before < 20_000_000
    with pages(100_000_000):
        assert own_bytes() - before > 95_000_000


@LINUX
def test_the_watch_keeps_the_most_of_each_stage(monkeypatch):
    monkeypatch.setattr(module, "_EVERY_SECONDS", 0.001)
    looked = []
    monkeypatch.setattr(module, "own_bytes", lambda: looked.append(own_bytes()) or looked[-1])
    with MemoryWatch() as watch:
        watch.finish("before")
        with pages(100_000_000):
            before = len(looked)
            while len(looked) < before + 2:  # the second has begun since
                time.sleep(0.01)
        watch.finish("much")
        watch.finish("after")
    assert list(watch.stages) == ["before", "much", "after"]
    peaks = [stage.peak_bytes for stage in watch.stages.values()]
    assert peaks[1] - peaks[2] > 90_000_000
    assert watch.peak_bytes == peaks[1]
    assert all(stage.seconds > 0 for stage in watch.stages.values())

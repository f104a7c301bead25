import gc
import os

import numpy as np
import pytest

from reseen.errors import StorageError
from reseen.neighbors.out_of_core import Scratch
from reseen.neighbors.out_of_core import scratch as scratch_module


def test_arrays_are_zeros_and_stay(tmp_path):
    array = Scratch(tmp_path / "work").array("a", (3, 2), np.float32)
    assert (array == 0).all()
    assert array.flags.c_contiguous  # rows lie together in the file
    array[1] = 7
    assert Scratch(tmp_path / "work").open("a").tolist() == [[0, 0], [7, 7], [0, 0]]
    assert type(array) is np.ndarray  # what compiled loops take without a compilation of its own


def test_an_array_without_entries(tmp_path):
    scratch = Scratch(tmp_path)
    assert scratch.array("a", (0, 3), np.int32).shape == (0, 3)
    assert scratch.unnamed((0,), np.int32).shape == (0,)


def test_an_array_without_a_name_leaves_nothing_behind(tmp_path):
    array = Scratch(tmp_path).unnamed((1000,), np.int64)
    array[:] = 5
    assert array.sum() == 5000
    assert not any(tmp_path.iterdir())
    del array
    gc.collect()


def test_the_bytes_of_all_arrays_are_counted_with_those_that_are_gone(tmp_path):
    scratch = Scratch(tmp_path)
    assert scratch.taken == 0
    scratch.array("a", (3, 2), np.float32)
    scratch.array("b", (5,), np.int8)
    assert scratch.taken == 24 + 5
    scratch.unnamed((7,), np.int64)
    scratch.unnamed((2,), np.int16)
    assert scratch.taken == 24 + 5 + 56 + 4
    scratch.array("a", (1,), np.float64)
    assert scratch.taken == 24 + 5 + 56 + 4 + 8


def test_a_full_disk_is_an_error_when_the_array_is_made(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    for make in (
        lambda: Scratch(tmp_path).array("a", (9,), np.int8),
        lambda: Scratch(tmp_path).unnamed((9,), np.int8),
    ):
        with pytest.raises(StorageError, match="the disk is full"):
            make()
    assert not any(tmp_path.iterdir())


def test_notes(tmp_path):
    scratch = Scratch(tmp_path)
    assert not scratch.done("search", "k")
    scratch.write_note("search", "k", rows=5)
    assert scratch.note("search")["rows"] == 5
    assert not scratch.done("search", "k")
    scratch.write_note("search", "k", done=True)
    assert scratch.done("search", "k")
    assert not scratch.done("search", "other")
    (tmp_path / "search.json").write_text("{")
    assert scratch.note("search") == {}
    scratch.remove()
    assert not tmp_path.exists()


@pytest.mark.parametrize("size", [0, 5, 12])
def test_where_the_system_cannot_reserve_space_zeros_are_written_behind_the_start(
    tmp_path, monkeypatch, size
):
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    monkeypatch.setattr(scratch_module, "_ZEROS", bytes(4))
    path = tmp_path / "file"
    path.write_bytes(b"head")
    descriptor = os.open(path, os.O_RDWR)
    scratch_module._allocate_space(descriptor, 3, size)
    os.close(descriptor)
    assert path.read_bytes() == (b"hea" + bytes(size) if size else b"head")

import errno
import multiprocessing
import os
import pickle
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.limits import HANG_SECONDS

from reseen.data import decode_table
from reseen.data import pixels as pixels_module
from reseen.data.pixel_cache import PIXELS_FILE, cache_folder, entries
from reseen.data.pixels import open_pixels
from reseen.datasets import read_training
from reseen.errors import DataError, ImagesError

NAMES = tuple(f"{row:03}.{'png' if row % 3 else 'jpg'}" for row in range(12))
ALL = torch.arange(12)


@pytest.fixture
def table(make_images):
    return read_training(make_images(*NAMES))


def by_pillow(table, height, width):
    images = [Image.open(table.path(row)).convert("RGB") for row in range(len(table))]
    resized = [image.resize((width, height), Image.Resampling.BICUBIC) for image in images]
    return torch.from_numpy(np.stack([np.asarray(image) for image in resized])).permute(0, 3, 1, 2)


@pytest.mark.parametrize("size", [(64, 32), (40, 20), (128, 64)])
def test_pixels_are_pillows_in_both_modes(table, tmp_path, size):
    cached = open_pixels(table, *size, cache_dir=tmp_path / "cache")
    direct = open_pixels(table, *size, cache_dir=tmp_path / "cache2", cap_gigabytes=0)
    assert (cached.source, cached.note) == ("cache", "")
    assert direct.source == "on the fly"
    assert torch.equal(cached.images(ALL), by_pillow(table, *size))
    assert torch.equal(direct.images(ALL), cached.images(ALL))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.integers(0, 11), max_size=20))
def test_any_rows_in_any_order(table, rows):
    store = open_pixels(table, 64, 32)
    index = torch.tensor(rows, dtype=torch.int64)
    assert torch.equal(store.images(index), by_pillow(table, 64, 32)[index])


def test_batches_are_fresh_and_channels_last(table):
    store = open_pixels(table, 64, 32)
    batch = store.images(ALL)
    assert batch.shape == (12, 3, 64, 32)
    assert batch.dtype == torch.uint8
    assert batch.is_contiguous(memory_format=torch.channels_last)
    expected = batch.clone()
    batch.zero_()
    assert torch.equal(store.images(ALL), expected)


@pytest.mark.parametrize("cap", [0, 1])
@pytest.mark.parametrize("row", [-1, 12])
def test_rows_outside_are_refused(table, cap, row):
    with pytest.raises(IndexError, match="rows run from 0 to 11"):
        open_pixels(table, 64, 32, cap_gigabytes=cap).images(torch.tensor([0, row]))


def test_decoded_once_and_keyed_by_files_and_geometry(table, tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    open_pixels(table, 64, 32, cache_dir=folder)
    with monkeypatch.context() as patch:
        patch.setattr(pixels_module, "write_entry", lambda *_: pytest.fail("decoded again"))
        assert open_pixels(table, 64, 32, cache_dir=folder).source == "cache"
    open_pixels(table, 32, 16, cache_dir=folder)
    Image.new("RGB", (32, 64), "red").save(table.path(1))
    store = open_pixels(table, 64, 32, cache_dir=folder)
    assert len(entries(cache_folder(folder))) == 3
    assert store.images(torch.tensor([1]))[0, :, 0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("cap", [0, 1])
def test_pickled_and_in_another_process(table, cap):
    store = open_pixels(table, 64, 32, cap_gigabytes=cap)
    copy = pickle.loads(pickle.dumps(store))
    assert torch.equal(copy.images(ALL), store.images(ALL))
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(_sum, (store,)) == int(store.images(ALL).sum())


def _sum(store):
    return int(store.images(ALL).numpy().sum())


def test_survives_eviction_while_open(table, tmp_path):
    store = open_pixels(table, 64, 32, cache_dir=tmp_path / "cache")
    shutil.rmtree(tmp_path / "cache")
    assert torch.equal(store.images(ALL), by_pillow(table, 64, 32))


@pytest.mark.parametrize("cap", [0, 1])
def test_one_corrupt_image_is_black_named_and_skipped(table, cap):
    table.path(4).write_bytes(b"broken")
    store = open_pixels(table, 64, 32, cap_gigabytes=cap, unreadable_share=0.1)
    assert store.readable.tolist() == [row != 4 for row in range(12)]
    assert store.unreadable == ("004.png: not an image",)
    assert not store.images(torch.tensor([4])).any()
    assert store.images(torch.tensor([5])).any()


def test_too_many_unreadable_images_stop_with_the_setting_to_change(table):
    for row in range(7):
        table.path(row).write_bytes(b"broken")
    with pytest.raises(ImagesError) as error:
        open_pixels(table, 64, 32)
    text = str(error.value)
    assert "7 of 12 images (58.3%) are unreadable, more than 1.0%" in text
    assert text.count("not an image") == 5
    assert "--data.unreadable-share 0.59" in text
    assert len(open_pixels(table, 64, 32, unreadable_share=0.59).unreadable) == 7


def test_no_readable_image_stops_whatever_the_share(table):
    part = table.select([0, 1])
    for row in (0, 1):
        part.path(row).write_bytes(b"broken")
    with pytest.raises(ImagesError, match=r"none of 2 images can be read: 000.jpg: not an image"):
        open_pixels(part, 64, 32, unreadable_share=1)


def test_a_file_that_can_be_read_again_is_decoded(table):
    moved = table.path(3).rename(table.root / "aside")
    assert len(open_pixels(table, 64, 32, unreadable_share=0.5).unreadable) == 1
    moved.rename(table.path(3))
    assert not open_pixels(table, 64, 32).unreadable


def test_empty_table(table):
    with pytest.raises(DataError, match="no image to decode"):
        open_pixels(table.select([]), 64, 32)


def test_damaged_entry_is_made_again(table, tmp_path):
    open_pixels(table, 64, 32, cache_dir=tmp_path / "cache")
    array = entries(cache_folder(tmp_path / "cache"))[0].folder / PIXELS_FILE
    for damage in (b"", array.read_bytes()[:-100]):
        array.write_bytes(damage)
        store = open_pixels(table, 64, 32, cache_dir=tmp_path / "cache")
        assert store.source == "cache"
        assert torch.equal(store.images(ALL), by_pillow(table, 64, 32))


def test_notes_say_why_nothing_is_kept(table, tmp_path, monkeypatch):
    assert open_pixels(table, 64, 32, cap_gigabytes=0).note == (
        "decoding on the fly: 12 crops of 64x32 need 0.00 GB, more than the 0 GB of data.cache_gigabytes"
    )
    (tmp_path / "file").write_text("in the way")
    assert (
        "cannot be written (Not a directory)" in open_pixels(table, 64, 32, cache_dir=tmp_path / "file").note
    )
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert "has 0.00 GB free" in open_pixels(table, 64, 32, cache_dir=tmp_path / "full").note


def test_full_disk_falls_back_and_leaves_nothing(table, tmp_path):
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("this system has no /dev/full")

    def full(place):
        (place / PIXELS_FILE).symlink_to(device)
        return real(place)

    real, make = None, decode_table.create_entry

    def make_full(folder, key, fill, *sources):
        nonlocal real
        real = fill
        return make(folder, key, full, *sources)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode_table, "create_entry", make_full)
        store = open_pixels(table, 64, 32, cache_dir=tmp_path / "cache")
    assert store.source == "on the fly"
    assert "(No space left on device)" in store.note
    assert list(cache_folder(tmp_path / "cache").iterdir()) == []
    assert torch.equal(store.images(ALL), by_pillow(table, 64, 32))


def test_two_at_once_both_get_pixels(table, tmp_path):
    barrier, stores = threading.Barrier(2), []
    real = pixels_module.write_entry

    def together(*arguments):
        barrier.wait(HANG_SECONDS)
        return real(*arguments)

    def run():
        stores.append(open_pixels(table, 64, 32, cache_dir=tmp_path / "cache"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixels_module, "write_entry", together)
        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [store.source for store in stores] == ["cache", "cache"]
    assert torch.equal(stores[0].images(ALL), stores[1].images(ALL))
    assert len(list(cache_folder(tmp_path / "cache").iterdir())) == 1


def test_a_cache_that_may_not_be_looked_at_is_decoded_on_the_fly(table, tmp_path, monkeypatch):
    """Above it is a folder of somebody else; root may look everywhere, so that the system's word is put in place."""
    stat, denied = os.stat, tmp_path / "denied"

    def ask(path, *arguments, **options):
        if str(path).startswith(f"{denied}/"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    def refuse(path, *arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", ask)
        patched.setattr(os, "mkdir", refuse)
        store = open_pixels(table, 64, 32, cache_dir=denied / "cache")
    assert store.source == "on the fly"
    assert store.note.startswith("decoding on the fly: ")
    assert "cannot be written (Permission denied)" in store.note
    assert torch.equal(store.images(ALL), by_pillow(table, 64, 32))


def test_an_entry_of_somebody_else_that_may_not_be_read_is_left_alone(table, tmp_path, monkeypatch):
    open_pixels(table, 64, 32, cache_dir=tmp_path)
    (entry,) = entries(cache_folder(tmp_path))

    def denied(place):
        raise PermissionError(errno.EACCES, "Permission denied", str(place))

    with monkeypatch.context() as patched:
        patched.setattr(pixels_module, "_mapped_array", denied)
        assert open_pixels(table, 64, 32, cache_dir=tmp_path).source == "on the fly"
    assert open_pixels(table, 64, 32, cache_dir=tmp_path).source == "cache"
    assert entry.folder.is_dir()

"""What comes from the cache has the bits of what is computed, and nothing stale or damaged ever comes from it."""

import os
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import reseen
from reseen.data import pixel_cache
from reseen.data.crops import open_crops
from reseen.data.occlusion import Occlusion
from reseen.features import extract as extraction
from reseen.features.extract import extract, extract_frames
from reseen.features.feature_cache import cache_notes, open_feature_cache
from reseen.features.feature_entries import batch_files, feature_entries, feature_folder
from reseen.models import Encoder

CPU = torch.device("cpu")
BATCH = 8


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch, tmp_path):
    monkeypatch.setattr(extraction, "BATCH", BATCH)
    monkeypatch.setenv("RESEEN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def own_crowd(crowd, tmp_path):
    """Crops that a test may change."""
    return shutil.copytree(crowd, tmp_path / "crowd")


class Opened:
    """A run's encoder and crops, opened anew as by another command."""

    def __init__(self, run, data, gigabytes=1.0, rows=None, **encoder):
        self.run = run
        self.encoder = run.encoder(**encoder)
        table = reseen.read_training(data)
        table = table if rows is None else table.select(rows)
        self.crops = open_crops(table, run.reading, self.encoder.height, self.encoder.width, progress=False)
        self.cache = open_feature_cache(run, self.encoder, self.crops, CPU, gigabytes)

    def features(self, **options):
        return extract(self.encoder, self.crops, CPU, cache=self.cache, **options).numpy

    def fresh(self, **options):
        return extract(self.encoder, self.crops, CPU, **options).numpy


def test_the_second_command_computes_nothing(untrained_run, crowd, monkeypatch):
    first = Opened(untrained_run, crowd)
    assert np.array_equal(first.features(), first.fresh())
    assert first.cache.read == 0
    second = Opened(untrained_run, crowd)
    fresh = second.fresh()
    monkeypatch.setattr(Encoder, "maps", lambda *_: pytest.fail("computed again"))
    seen = []
    found = extract(second.encoder, second.crops, CPU, seen.append, cache=second.cache).numpy
    assert np.array_equal(found, fresh)
    assert second.cache.read == sum(seen) == len(second.crops)
    total = len(second.crops)
    assert cache_notes(second.cache, total, "query") == (
        f"query: features read from the cache: {total:,} of {total:,} crops",
    )
    assert cache_notes(first.cache, total) == cache_notes(None, total) == ()


def test_parts_of_the_crops_are_the_batches_of_all(untrained_run, crowd, monkeypatch):
    """As `index` and `embed` go through them, in parts of several batches."""
    first = Opened(untrained_run, crowd)
    for start in range(0, len(first.crops), 3 * BATCH):
        rows = np.arange(start, min(start + 3 * BATCH, len(first.crops)))
        extract(first.encoder, first.crops.select(rows), CPU, cache=first.cache)
    monkeypatch.setattr(Encoder, "maps", lambda *_: pytest.fail("computed again"))
    second = Opened(untrained_run, crowd)
    second.features()
    assert second.cache.read == len(second.crops)


def test_other_ways_of_computing_share_nothing(untrained_run, crowd):
    first = Opened(untrained_run, crowd)
    first.features()
    first.features(mirrored=True)
    assert np.array_equal(first.features(mirrored=True), first.fresh(mirrored=True))
    frames = extract_frames(first.encoder, first.crops, CPU, cache=first.cache)
    plain = extract_frames(first.encoder, first.crops, CPU)
    again = extract_frames(first.encoder, first.crops, CPU, cache=first.cache)
    assert np.array_equal(frames, plain)
    assert np.array_equal(again, plain)
    assert first.cache.read == 2 * len(first.crops), "the second mirrored pass, and the second of frames"


def test_occluded_crops_are_other_crops(untrained_run, crowd):
    first, hidden = Opened(untrained_run, crowd), Opened(untrained_run, crowd)
    first.features()
    for occlusion in (Occlusion(half="upper"), Occlusion(share=0.3), Occlusion(share=0.3, seed=1)):
        hidden.crops = reseen.data.crops.replace(hidden.crops, occlusion=occlusion)
        assert np.array_equal(hidden.features(), hidden.fresh())
    assert hidden.cache.read == 0


def test_other_weights_threads_settings_and_sizes_have_other_entries(untrained_run, crowd):
    Opened(untrained_run, crowd).features()
    changed = Opened(untrained_run, crowd)
    with torch.no_grad():
        next(changed.encoder.parameters()).add_(1e-6)
    strides = Opened(untrained_run, crowd)
    strides.encoder.settings = strides.encoder.settings.model_copy(update={"last_stride": 2})
    raw = Opened(untrained_run, crowd)
    raw.encoder.raw = True
    for opened in (changed, strides, raw):
        opened.cache = open_feature_cache(untrained_run, opened.encoder, opened.crops, CPU, 1.0)
        opened.features()
        assert opened.cache.read == 0
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        more = Opened(untrained_run, crowd)
        more.features()
    finally:
        torch.set_num_threads(threads)
    assert more.cache.read == 0


@settings(max_examples=5)
@given(row=st.integers(0, 70))
def test_a_changed_file_is_embedded_again_with_its_batch(untrained_run, crowd, tmp_path_factory, row):
    root = shutil.copytree(crowd, tmp_path_factory.mktemp("crowd") / "crops")
    first = Opened(untrained_run, root)
    before = first.features()
    row = row % len(first.crops)
    changed, other = first.crops.table.path(row), first.crops.table.path((row + 1) % len(first.crops))
    times = changed.stat()
    changed.write_bytes(other.read_bytes())
    if changed.stat().st_size == times.st_size:
        os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
    second = Opened(untrained_run, root)
    after = second.features()
    assert np.array_equal(after, second.fresh())
    assert not np.array_equal(after[row], before[row])
    start = row // BATCH * BATCH
    assert second.cache.read == len(second.crops) - (min(start + BATCH, len(second.crops)) - start)


def test_a_file_that_changes_while_it_is_embedded_is_not_kept(untrained_run, own_crowd):
    first = Opened(untrained_run, own_crowd)
    path = first.crops.table.path(0)
    content, times = path.read_bytes(), path.stat()
    path.write_bytes(first.crops.table.path(9).read_bytes())
    first.features()
    path.write_bytes(content)  # restored, with its old time
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    second = Opened(untrained_run, own_crowd)
    assert np.array_equal(second.features(), second.fresh())
    assert second.cache.read == len(second.crops) - BATCH


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "longer", "folder", "pipe"])
def test_a_damaged_file_is_computed_again(untrained_run, crowd, damage):
    first = Opened(untrained_run, crowd)
    first.features()
    file = batch_files(feature_entries(feature_folder())[0].entry.folder)[0]
    content = file.read_bytes()
    file.unlink()
    if damage == "folder":
        file.mkdir()
    elif damage == "pipe":
        os.mkfifo(file)
    else:
        flipped = bytes([content[0] ^ 1]) + content[1:]
        file.write_bytes(
            {"cut": content[:-4], "flipped": flipped, "empty": b"", "longer": content + b"0000"}[damage]
        )
    second = Opened(untrained_run, crowd)
    assert np.array_equal(second.features(), second.fresh())
    assert second.cache.read < len(second.crops)
    if damage != "folder":
        third = Opened(untrained_run, crowd)
        third.features()
        assert third.cache.read == len(third.crops), "written again"


def test_the_limit_holds_and_what_was_used_longest_ago_goes(untrained_run, crowd, tmp_path):
    copies = [shutil.copytree(crowd, tmp_path / name) for name in ("a", "b", "c")]
    Opened(untrained_run, copies[0]).features()
    one = size(feature_folder())
    for number, copy in enumerate(copies):
        Opened(untrained_run, copy, 2.5 * one / 1e9).features()
        for entry in feature_entries(feature_folder()):  # times that differ on every disk
            if entry.entry.details["root"] == str(copy):
                os.utime(entry.entry.folder / pixel_cache.DETAILS_FILE, (number, number))
        assert size(feature_folder()) <= 2.5 * one
    assert {entry.entry.details["root"] for entry in feature_entries(feature_folder())} == {
        str(copy) for copy in copies[1:]
    }


def test_below_the_size_of_a_pass_a_part_is_kept(untrained_run, crowd):
    Opened(untrained_run, crowd).features()
    limit = size(feature_folder()) * 0.5
    pixel_cache.clear(feature_folder())
    for _ in range(2):
        opened = Opened(untrained_run, crowd, limit / 1e9)
        assert np.array_equal(opened.features(), opened.fresh())
        assert size(feature_folder()) <= limit
    assert 0 < opened.cache.read < len(opened.crops)


def test_features_of_changed_crops_make_room_for_those_of_today(untrained_run, own_crowd):
    Opened(untrained_run, own_crowd).features()
    limit = size(feature_folder()) * 1.05
    for path in own_crowd.rglob("*.jpg"):
        os.utime(path, (1, 1))
    Opened(untrained_run, own_crowd, limit / 1e9).features()
    assert size(feature_folder()) <= limit
    again = Opened(untrained_run, own_crowd, limit / 1e9)
    again.features()
    assert again.cache.read == len(again.crops)


def test_without_a_cache_or_a_place_for_it_everything_is_computed(
    untrained_run, crowd, tmp_path, monkeypatch
):
    assert Opened(untrained_run, crowd, 0.0).cache is None
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("RESEEN_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        opened = Opened(untrained_run, crowd)
        assert np.array_equal(opened.features(), opened.fresh())
        assert opened.cache.read == 0


def test_a_full_disk_stops_writing_and_nothing_else(untrained_run, crowd, monkeypatch):
    opened = Opened(untrained_run, crowd)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 0})())
    assert np.array_equal(opened.features(), opened.fresh())
    assert not batch_files(feature_entries(feature_folder())[0].entry.folder)


def test_an_entry_that_was_removed_is_not_made_again_by_who_was_writing_it(untrained_run, crowd):
    """So that a forgetting that has been verified stays true, whatever runs beside it."""
    opened = Opened(untrained_run, crowd)
    half = opened.crops.select(np.arange(2 * BATCH))
    extract(opened.encoder, half, CPU, cache=opened.cache)
    assert pixel_cache.clear(feature_folder()) > 0
    assert np.array_equal(opened.features(), opened.fresh())
    assert not [file for file in feature_folder().rglob("*") if file.is_file()]


def test_what_killed_processes_left_is_removed(untrained_run, crowd):
    Opened(untrained_run, crowd).features()
    entry = feature_entries(feature_folder())[0].entry.folder
    left = entry / f".{batch_files(entry)[0].name}-{pixel_cache.host_name()}-999999999-12345678"
    alive = entry / f".{batch_files(entry)[0].name}-{pixel_cache.host_name()}-{os.getpid()}-12345678"
    left.write_bytes(b"half")
    alive.write_bytes(b"half")
    Opened(untrained_run, crowd)
    assert not left.exists()
    assert alive.exists()


def test_transformed_crops_are_not_kept(untrained_run, crowd):
    with pytest.raises(ValueError, match="transformed crops are not kept"):
        Opened(untrained_run, crowd).features(transform=lambda images: images)


def test_commands_share_what_they_embed(untrained_run, crowd, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(extraction, "BATCH", 256)
    reseen.embed(untrained_run, crowd, tmp_path / "vectors.parquet")
    assert "read from the cache" not in capfd.readouterr().err
    monkeypatch.setattr(Encoder, "maps", lambda *_: pytest.fail("computed again"))
    total = len(reseen.read_training(crowd))
    reseen.embed(untrained_run, crowd, tmp_path / "again.parquet")
    assert f"read from the cache: {total} of {total} crops" in capfd.readouterr().err
    result = reseen.index_run(untrained_run, crowd, tmp_path / "gallery")
    assert result.added == total
    assert f"read from the cache: {total} of {total} crops" in capfd.readouterr().err
    settings = ["--clustering.clusters", "5"]
    reseen.cluster_crops(untrained_run, crowd, tmp_path / "clusters.csv", settings=settings)
    assert f"read from the cache: {total} of {total} crops" in capfd.readouterr().err


def test_a_second_evaluation_and_its_baseline_read_what_the_first_embedded(
    untrained_run, crowd, monkeypatch, capfd
):
    settings = reseen.EvaluationSettings(baseline="untrained", details=False, half="upper")
    first = reseen.evaluate_run(untrained_run, crowd, settings)
    monkeypatch.setattr(Encoder, "maps", lambda *_: pytest.fail("computed again"))
    capfd.readouterr()
    second = reseen.evaluate_run(untrained_run, crowd, settings)
    shown = capfd.readouterr().err
    assert "query: features read from the cache" in shown
    assert "gallery: features read from the cache" in shown
    assert first.score.mean_average_precision == second.score.mean_average_precision
    reseen.compare("untrained", untrained_run, crowd, quiet=True)


def size(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())

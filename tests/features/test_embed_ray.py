"""Partitions by workers of Ray: the same rows as in one process, whatever dies on the way."""

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import reseen
from reseen.datasets.remote_shards import locate_crops
from reseen.errors import ImagesError, RunError, SettingsError, StorageError
from reseen.features import embed_ray as module
from reseen.features.embed_ray import embed_by_ray
from reseen.features.embed_worker import EmbedTask, EmbedWorker, split_tasks
from reseen.features.partitions import PartitionFolder

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'reseen[ray]'")


@pytest.fixture(scope="module")
def run(crowd, tmp_path_factory):
    flags = ["--model.backbone", "test_efficientnet", "--model.weights", "none", "--train.rounds", "0"]
    flags += ["--data.height", "64", "--data.width", "32", "--train.device", "cpu", "--model.norm-group", "8"]
    flags += ["--method.sampler.clusters-per-batch", "4", "--method.sampler.images-per-cluster", "4"]
    recipe = reseen.load_recipe("cluster-contrast", flags)
    return reseen.train(recipe, crowd, tmp_path_factory.mktemp("run") / "run", quiet=True)


@pytest.fixture(scope="module")
def plain(run, crowd, tmp_path_factory):
    """What one process writes."""
    return pq.read_table(reseen.embed(run, crowd, tmp_path_factory.mktemp("plain") / "v.parquet", quiet=True))


@pytest.fixture(scope="module")
def workers():
    """Two cores of Ray for all tests of this file: starting it takes the most of their time."""
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


@pytest.fixture
def in_process(monkeypatch):
    """The same work without Ray, for all that Ray has no part in; returns the partitions done."""
    done = []

    def work(tasks, run, out, _):
        worker = EmbedWorker(str(run.folder), out)
        for task in tasks:
            done.append(task.name)
            yield module.json.loads(worker({"task": task.dump()})["done"])

    monkeypatch.setattr(module, "_work", work)
    return done


def read(place):
    return pq.ParquetDataset(sorted(Path(place).glob("rows-*.parquet"))).read()


def same(found, plain):
    assert found["path"].to_pylist() == plain["path"].to_pylist()
    assert found["camera"].to_pylist() == plain["camera"].to_pylist()
    ours, theirs = (np.array(table["vector"].to_pylist(), np.float32) for table in (found, plain))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_worker_that_is_killed_loses_and_doubles_no_row(run, crowd, plain, workers, tmp_path):
    """Kill one of two workers when the first partition is there; Ray starts another."""
    killed = []

    def kill():
        while not list((tmp_path / "v").glob("rows-*.parquet")):
            time.sleep(0.01)
        victim = next(process for process in _descendants(os.getpid()) if b"EmbedWorker" in _words(process))
        os.kill(victim, signal.SIGKILL)
        killed.append(victim)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    out = embed_by_ray(run, crowd, tmp_path / "v", workers=2, rows=4, quiet=True)
    thread.join()
    assert killed
    same(read(out), plain)
    manifest = PartitionFolder(out).manifest()
    assert manifest["done"]
    assert manifest["rows"] == len(plain)
    assert not [file for file in Path(out).iterdir() if file.name.startswith(".")]


def test_the_same_call_goes_on_and_an_address_will_do(run, crowd, plain, workers, tmp_path):
    out = f"file://{tmp_path}/v"
    assert embed_by_ray(run, crowd, out, workers=1, rows=16, quiet=True) == out
    same(read(tmp_path / "v"), plain)


def _descendants(process):
    """Processes that this one has started, and those that they have."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            parent = _parent(int(folder.name))
            while parent > 1 and parent != process:
                parent = _parent(parent)
            if parent == process:
                yield int(folder.name)


def _parent(process):
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _words(process):
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def test_partitions_are_the_rows_of_one_process(run, crowd, plain, in_process, tmp_path):
    out = embed_by_ray(run, crowd, tmp_path / "v", rows=7, quiet=True)
    same(read(out), plain)
    assert len(in_process) == -(-len(plain) // 7)
    embed_by_ray(run, crowd, tmp_path / "v", rows=7, quiet=True)
    assert len(in_process) == -(-len(plain) // 7)  # nothing was left to do


def test_partitions_cluster_as_the_one_file_does(run, crowd, in_process, tmp_path):
    file = reseen.embed(run, crowd, tmp_path / "v.parquet", quiet=True)
    folder = Path(embed_by_ray(run, crowd, tmp_path / "v", rows=7, quiet=True))
    _give_the_same_bits(folder, pq.read_table(file))
    for place, name in ((file, "file"), (folder, "folder")):
        reseen.cluster_crops(place, crowd, tmp_path / f"{name}.csv", quiet=True)
        reseen.cluster_vectors(place, tmp_path / f"alone-{name}.csv", quiet=True)
    for kind in ("", "alone-"):
        assert (tmp_path / f"{kind}folder.csv").read_text() == (tmp_path / f"{kind}file.csv").read_text()


def _give_the_same_bits(folder, table):
    """Write the vectors of `table` into the partitions: batches of another size round otherwise."""
    begin = 0
    for partition in sorted(folder.glob("rows-*.parquet")):
        rows = pq.read_table(partition)
        vectors = (
            table["vector"].slice(begin, len(rows)).combine_chunks().cast(rows.schema.field("vector").type)
        )
        place = rows.schema.get_field_index("vector")
        pq.write_table(rows.set_column(place, rows.schema.field("vector"), vectors), partition)
        begin += len(rows)
    assert begin == len(table)


def test_missing_partitions_alone_are_made_again(run, crowd, plain, in_process, tmp_path, monkeypatch):
    work = module._work

    def stop_after_two(*arguments):
        yield from (done for done, _ in zip(work(*arguments), range(2), strict=False))
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_work", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        embed_by_ray(run, crowd, tmp_path / "v", rows=7, quiet=True)
    monkeypatch.setattr(module, "_work", work)
    first = list(in_process)
    out = embed_by_ray(run, crowd, tmp_path / "v", rows=7, quiet=True)
    assert not set(in_process[len(first) :]) & set(first[:2])
    same(read(out), plain)


def test_unreadable_crops_are_left_out_and_listed(run, make_images, in_process, tmp_path):
    root = make_images(*(f"{place:02d}.png" for place in range(20)))
    (root / "07.png").write_bytes(b"no image")
    plain = pq.read_table(reseen.embed(run, root, tmp_path / "v.parquet", quiet=True))
    out = embed_by_ray(run, root, tmp_path / "v", rows=6, quiet=True)
    same(read(out), plain)
    manifest = PartitionFolder(out).manifest()
    assert manifest["rows"] == 19
    assert manifest["unreadable"] == ["07.png: not an image"]
    (root / "08.png").write_bytes(b"no image")
    with pytest.raises(ImagesError, match=r"2 of 20 crops are unreadable so far, more than 1\.0%"):
        embed_by_ray(run, root, tmp_path / "w", rows=6, quiet=True)


def test_partitions_of_something_else_are_not_mixed_in(run, crowd, in_process, tmp_path):
    table = reseen.read_training(crowd)
    embed_by_ray(run, table, tmp_path / "v", rows=7, quiet=True)
    for other in ({"rows": 8}, {"data": table.select(range(9))}):
        with pytest.raises(RunError, match="holds partitions of another model, other crops or another size"):
            embed_by_ray(run, **({"data": table, "out": tmp_path / "v", "quiet": True, "rows": 7} | other))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    with pytest.raises(StorageError, match="is not empty"):
        embed_by_ray(run, table, tmp_path / "full", quiet=True)


def test_an_error_of_a_worker_keeps_its_kind(run, crowd, tmp_path, monkeypatch):
    crops = locate_crops(reseen.read_training(crowd))

    def full(*_):
        raise StorageError("the disk is full")

    monkeypatch.setattr(PartitionFolder, "write", full)
    said = EmbedWorker(str(run.folder), str(tmp_path))({"task": split_tasks(crops, 5)[0].dump()})
    assert module.json.loads(said["done"]) == {"error": "the disk is full", "kind": "StorageError"}


def test_a_task_survives_as_text(crowd):
    tasks = split_tasks(locate_crops(reseen.read_training(crowd)), 5)
    assert [EmbedTask.load(task.dump()) for task in tasks] == tasks
    assert [task.start for task in tasks[1:]] == [task.stop for task in tasks[:-1]]


def test_what_is_wrong_is_said_before_any_work(run, crowd, tmp_path, monkeypatch):
    with pytest.raises(SettingsError, match="--workers must be at least 1, got 0"):
        reseen.embed(run, crowd, tmp_path / "v", engine="ray", workers=0)
    with pytest.raises(SettingsError, match="URLs need --engine ray"):
        reseen.embed(run, "s3://bucket/crops", tmp_path / "v.parquet")
    monkeypatch.setitem(__import__("sys").modules, "ray.data", None)
    with pytest.raises(
        SettingsError, match=r"needs ray, which is not installed: pip install 'reseen\[ray\]'"
    ):
        reseen.embed(run, crowd, tmp_path / "v", engine="ray")
    assert not (tmp_path / "v").exists()

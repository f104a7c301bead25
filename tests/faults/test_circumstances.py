"""What changes around a run: its data, its folder, the clock, the memory, the numbers in a batch."""

import os
import shutil
import subprocess
import sys
import time

import faiss
import numpy as np
import pytest
import torch

import reseen
from reseen.errors import ImagesError, TrainingError
from reseen.methods import METHODS
from reseen.runs.checkpoint import CHECKPOINT, read_checkpoint
from reseen.training import loop as fit_module


@pytest.fixture
def recipe(tiny_flags):
    return reseen.load_recipe("cluster-contrast", tiny_flags)


@pytest.fixture
def copy(crowd, tmp_path):
    """A copy of the crowd that may be spoiled."""
    return shutil.copytree(crowd, tmp_path / "copy")


def tensors(folder):
    return read_checkpoint(folder / CHECKPOINT)[0]


def same(first, second):
    one, other = tensors(first), tensors(second)
    return set(one) == set(other) and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_that_is_not_a_number_stops_and_keeps_the_last_round(
    method, recipe_of, crowd, tmp_path, monkeypatch
):
    make_batch, made = fit_module.make_batch, []

    def spoiled(training, rows, labels, own):
        batch = make_batch(training, rows, labels, own)
        made.append(len(rows))
        if len(made) == 4:  # in round 2, of three batches each
            batch.images[0, 0, 0, 0] = float("nan")
        return batch

    monkeypatch.setattr(fit_module, "make_batch", spoiled)
    with pytest.raises(
        TrainingError, match=r"round 2: .*(nan|not a number); the run keeps its state of round 1"
    ):
        reseen.train(recipe_of(method), crowd, tmp_path / "run", quiet=True)
    assert reseen.open_run(tmp_path / "run").rounds_done == 1
    numbers = tensors(tmp_path / "run")
    assert all(
        bool(torch.isfinite(value).all()) for key, value in numbers.items() if key.startswith("encoder.")
    )


def test_crops_that_vanish_under_a_run_that_decodes_them_stop_it(recipe, crowd, copy, tmp_path):
    """Decoded on the fly, they are missed at once; put back, the run goes on to the same bits."""
    settings = recipe.data.model_copy(update={"cache_gigabytes": 1e-6, "cache_dir": tmp_path / "cache"})
    recipe = recipe.model_copy(update={"data": settings})
    whole = reseen.train(recipe, copy, tmp_path / "whole", quiet=True)
    victim = sorted((copy / "bounding_box_train").glob("*.jpg"))[3]
    content = victim.read_bytes()

    def spoil(number, _labels):
        if number == 1:
            victim.unlink()

    with pytest.raises(
        ImagesError, match=f"{victim.name}: was readable at the start and no longer is"
    ) as error:
        reseen.train(recipe, copy, tmp_path / "run", quiet=True, on_clusters=spoil)
    assert "restore it and run the command again (resume training with --resume)" in str(error.value)
    victim.write_bytes(content)
    run = reseen.train(recipe, copy, tmp_path / "run", quiet=True, resume=True)
    assert run.rounds_done == 2
    assert same(whole.folder, run.folder)


def test_crops_that_vanish_under_a_run_that_decoded_them_change_nothing(recipe, crowd, copy, tmp_path):
    whole = reseen.train(recipe, crowd, tmp_path / "whole", quiet=True)

    def spoil(number, _labels):
        if number == 1:
            shutil.rmtree(copy)

    run = reseen.train(recipe, copy, tmp_path / "run", quiet=True, on_clusters=spoil)
    assert same(whole.folder, run.folder)


HOLDER = (
    "import sys, time; from pathlib import Path; from reseen.locks import acquire\n"
    "acquire(Path(sys.argv[1])); print('held', flush=True); time.sleep(6000)"
)


@pytest.fixture
def held_elsewhere(tmp_path):
    """A function that has another process hold a lock; it is killed in the end. Returns that process."""
    processes = []

    def hold(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        processes.append(subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE))
        processes[-1].stdout.readline()
        return processes[-1]

    yield hold
    for process in processes:
        process.kill()
        process.communicate()


def test_two_runs_in_one_folder(fault, reseen_says, train_flags, crowd, tmp_path, held_elsewhere):
    run = tmp_path / "run"
    process = held_elsewhere(run / "lock")
    for flags in ([], ["--resume"]):
        said = fault(*train_flags(crowd, run, *flags))
        assert f"{run}: another process (ID {process.pid}) is training into this folder; wait for it" in said
    assert [path.name for path in run.iterdir()] == ["lock"]
    process.kill()
    process.wait()
    code, _, err = reseen_says(*train_flags(crowd, run))  # the lock ended with its process
    assert (code, err) == (0, "")


def test_two_extractions_to_one_file(fault, reseen_says, desk, tmp_path, held_elsewhere, monkeypatch):
    from reseen.features import embed

    line = ("embed", desk.run, "--quiet", "--data", desk.crowd, "--out", tmp_path / "vectors.parquet")

    def stop(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(embed, "_embed_part", stop)
    assert reseen_says(*line)[0] == 130
    monkeypatch.undo()
    process = held_elsewhere(tmp_path / ".vectors.parquet.lock")
    assert f"another process (ID {process.pid}) is writing this file; wait for it" in fault(*line)
    process.kill()
    process.wait()
    assert reseen_says(*line)[0] == 0
    assert list(tmp_path.glob(".*")) == []


def test_two_clusterings_to_one_table(fault, reseen_says, tmp_path, held_elsewhere):
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32))
    line = ("cluster", tmp_path / "v.npy", "--out", tmp_path / "c.csv", "--clustering.steps", "2", "--quiet")
    process = held_elsewhere(tmp_path / ".c.csv.lock")
    assert f"another process (ID {process.pid}) is writing this file; wait for it" in fault(*line)
    process.kill()
    process.wait()
    assert reseen_says(*line)[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.csv", "c.json", "v.npy"]


def test_a_clock_that_is_set_back_changes_nothing(recipe, crowd, tmp_path, monkeypatch):
    whole = reseen.train(recipe, crowd, tmp_path / "whole", quiet=True)
    first = recipe.model_copy(update={"train": recipe.train.model_copy(update={"rounds": 1})})
    reseen.train(first, crowd, tmp_path / "run", quiet=True)
    facts = (tmp_path / "run" / "recipe.yaml").read_text()
    (tmp_path / "run" / "recipe.yaml").write_text(facts.replace("rounds: 1", "rounds: 2"))
    cache = os.environ["RESEEN_CACHE"]
    for folder in (
        str(tmp_path / "run"),
        cache,
    ):  # everything was written in the future, as clocks now have it
        for place, _, files in os.walk(folder):
            for name in files:
                os.utime(os.path.join(place, name), (4e9, 4e9))  # noqa: PTH118
    now = [2e9]

    def backwards():
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", backwards)
    run = reseen.train(recipe, crowd, tmp_path / "run", quiet=True, resume=True)
    assert same(whole.folder, run.folder)
    assert [row["round"] for row in run.log] == [1, 2]
    assert all(row["seconds"] > 0 for row in run.log)
    vectors = reseen.embed(run, crowd, tmp_path / "vectors.parquet", quiet=True)
    assert (
        vectors.read_bytes()
        == reseen.embed(whole, crowd, tmp_path / "other.parquet", quiet=True).read_bytes()
    )


def test_neighbors_are_found_in_little_memory(recipe, crowd, tmp_path, monkeypatch):
    wanted = reseen.train(recipe, crowd, tmp_path / "whole", quiet=True)
    knn, refused = faiss.knn, []

    def scarce(queries, *arguments, **options):
        if len(queries) > 10:
            refused.append(len(queries))
            raise MemoryError("std::bad_alloc")
        return knn(queries, *arguments, **options)

    monkeypatch.setattr(faiss, "knn", scarce)
    found = reseen.train(recipe, crowd, tmp_path / "run", quiet=True)
    assert refused
    assert [row["clusters"] for row in found.log] == [row["clusters"] for row in wanted.log]
    np.testing.assert_allclose(found.log[-1]["loss"], wanted.log[-1]["loss"], rtol=0.05)


def test_two_clusterings_of_crops_to_one_table(fault, reseen_says, desk, tmp_path, held_elsewhere):
    line = ("cluster", desk.run, "--quiet", "--data", desk.crowd, "--out", tmp_path / "c.csv")
    process = held_elsewhere(tmp_path / ".c.csv.lock")
    assert f"another process (ID {process.pid}) is writing this file; wait for it" in fault(*line)
    process.kill()
    process.wait()
    assert reseen_says(*line)[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.csv", "c.html"]


def test_two_exports_to_one_file(fault, desk, tmp_path, held_elsewhere):
    process = held_elsewhere(tmp_path / ".m.onnx.lock")
    said = fault("export", desk.run, "--out", tmp_path / "m.onnx", "--quiet")
    assert f"another process (ID {process.pid}) is writing this file; wait for it" in said


def test_two_audits_of_one_run(fault, desk, tmp_path, held_elsewhere):
    run = shutil.copytree(desk.run, tmp_path / "run")
    process = held_elsewhere(run / ".audit.json.lock")
    said = fault("audit", run, "--data", desk.crowd, "--quiet")
    assert f"another process (ID {process.pid}) is writing this file; wait for it" in said


def test_two_drawings_of_one_crowd(fault, reseen_says, tmp_path, held_elsewhere):
    line = ("data", "toy", "--out", tmp_path / "crowd", "--people", "4", "--cameras", "2")
    process = held_elsewhere(tmp_path / ".crowd.lock")
    said = fault(*line)
    assert f"another process (ID {process.pid}) is drawing a crowd into this folder; wait for it" in said
    process.kill()
    process.wait()
    assert reseen_says(*line)[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["crowd"]


IN_USE = """
import sys
from reseen.cli import main
code = main(sys.argv[1:])
raise SystemExit(code if "torch" not in sys.modules else 99)
"""


@pytest.mark.parametrize("command", ["search", "forget", "index", "view", "view of a run"])
def test_a_gallery_in_use_is_told_of_before_torch_is_loaded(command, tmp_path, held_elsewhere):
    process = held_elsewhere(tmp_path / "gallery" / "lock")
    gallery = str(tmp_path / "gallery")
    lines = {
        "search": ["search", gallery, "image.jpg"],
        "forget": ["forget", gallery, "--cluster", "1", "--yes"],
        "index": ["index", "run", "--data", "crops", "--gallery", gallery],
        "view": ["view", gallery],
        "view of a run": ["view", str(tmp_path)],
    }
    said = subprocess.run([sys.executable, "-c", IN_USE, *lines[command]], capture_output=True, text=True)
    assert said.returncode == 2
    assert f"another process (ID {process.pid}) has this gallery open" in said.stderr
    assert "Several processes can work on it at once while your own `reseen view` shows it" in said.stderr


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root makes devices")
@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("evaluate", "--json"), ("evaluate", "--report"), ("embed", "--out"), ("cluster", "--out"),
        ("audit", "--verify"), ("data check", "--json"), ("data check", "--html"), ("plan", "--out"),
    ],
)  # fmt: skip
def test_an_output_that_is_a_device_stays_one(command, option, fault, desk, tmp_path):
    import stat

    run = shutil.copytree(desk.run, tmp_path / "run")
    device = tmp_path / "device"
    os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 7))
    words = {
        "data check": ["data", "check", desk.crowd],
        "plan": ["plan", "embed", run, "--data", desk.crowd],
    }.get(command, [command, run, "--quiet", "--data", desk.crowd])
    assert "cannot be written, it is a device; give the name of a file" in fault(*words, option, device)
    assert stat.S_ISCHR(device.stat().st_mode)

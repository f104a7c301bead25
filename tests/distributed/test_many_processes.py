"""`reseen.train` with processes that it starts itself, and what happens when one of them does not do well."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from tests.limits import HANG_SECONDS
from tests.steady import far_apart

import reseen
from reseen.cluster.clusterings import DbscanClustering
from reseen.data.occlusion import Occlusion
from reseen.distributed import worker_pool as helpers
from reseen.errors import LostProcessError, RunError, SettingsError
from reseen.methods import (
    METHODS,
    ClusterContrast,
    ClusterContrastSettings,
    RegisteredMethod,
)
from reseen.runs.checkpoint import CHECKPOINT, read_checkpoint
from reseen.tasks.evaluation.score import read_benchmark, retrieve


@pytest.fixture
def recipe(tiny_flags):
    """A function from more flags to a recipe of a network whose steps are steady, see `tests/methods`."""

    def make(*more, rounds=2):
        steady = ["--train.learning-rate", "1e-4"]
        flags = list(tiny_flags)
        flags[flags.index("test_efficientnet")] = "test_byobnet"
        flags[flags.index("--train.rounds") + 1] = str(rounds)
        return reseen.load_recipe("cluster-contrast", [*flags, *steady, *more])

    return make


@pytest.fixture
def started(monkeypatch):
    """The processes that helpers are, in the order of their start."""
    processes = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            processes.append(self)

    monkeypatch.setattr(helpers.subprocess, "Popen", Noted)
    yield processes
    assert all(process.returncode is not None for process in processes)  # none is left behind


@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 2)])
def test_a_run_goes_on_with_another_number_of_processes(
    first, then, recipe, crowd, tmp_path, started, monkeypatch
):
    cluster = DbscanClustering.cluster
    monkeypatch.setattr(
        DbscanClustering,
        "cluster",
        lambda settings, features, *context: cluster(settings, far_apart(features), *context),
    )
    threads = torch.get_num_threads()
    whole = reseen.train(recipe(), crowd, tmp_path / "whole", quiet=True)
    seen = {}

    def stop_after_one(number, labels):
        seen[number] = labels.labels
        if number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reseen.train(recipe(), crowd, tmp_path / "run", quiet=True, devices=first, on_clusters=stop_after_one)
    assert torch.get_num_threads() == threads
    assert not torch.distributed.is_initialized()
    stopped = reseen.open_run(tmp_path / "run")
    assert (stopped.rounds_done, stopped.facts["processes"], len(started)) == (1, first, first - 1)
    resumed = reseen.train(recipe(), crowd, tmp_path / "run", quiet=True, resume=True, devices=then)
    assert [row["processes"] for row in resumed.log] == [first, then]
    assert set(seen) == {1, 2}
    assert [row["clusters"] for row in resumed.log] == [row["clusters"] for row in whole.log]
    one, other = (read_checkpoint(run.folder / CHECKPOINT)[0] for run in (whole, resumed))
    assert set(one) == set(other)
    for key, value in one.items():
        if key.startswith("random."):
            assert torch.equal(value, other[key]), key
        else:
            assert torch.allclose(value.double(), other[key].double(), atol=1e-4), key


def test_a_killed_process_ends_the_others(recipe, crowd, tmp_path, started):
    def kill(number, _labels):
        if number == 1:
            os.kill(started[0].pid, signal.SIGKILL)

    with pytest.raises(LostProcessError, match="process 1 of 2, counted from 0, was killed by SIGKILL"):
        reseen.train(recipe(), crowd, tmp_path / "run", quiet=True, devices=2, on_clusters=kill)
    assert reseen.open_run(tmp_path / "run").rounds_done in (0, 1)


def test_an_error_of_a_helper_is_the_error(recipe, crowd, tmp_path, started, monkeypatch):
    class OtherSettings(ClusterContrastSettings):
        name: str = "known-here-alone"

    monkeypatch.setitem(METHODS, "known-here-alone", RegisteredMethod(ClusterContrast, OtherSettings))
    settings = OtherSettings(clustering=DbscanClustering(eps="auto"))
    odd = recipe().model_copy(update={"method": settings})
    with pytest.raises(SettingsError, match="no method 'known-here-alone'"):
        reseen.train(odd, crowd, tmp_path / "run", quiet=True, devices=2)


def test_an_error_of_the_first_process_is_the_error(recipe, crowd, tmp_path, started):
    def fail(_number, _labels):
        raise RunError("nothing is right")

    with pytest.raises(RunError, match="nothing is right"):
        reseen.train(recipe(), crowd, tmp_path / "run", quiet=True, devices=2, on_clusters=fail)


@pytest.mark.parametrize(
    ("devices", "flags", "message"),
    [
        (0, [], "--devices must be at least 1, got 0"),
        (2, ["--train.compile", "true"], "train.compile: not supported with several devices"),
        (17, [], "a batch of 16 images cannot be split over 17 processes"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(
    recipe, crowd, tmp_path, devices, flags, message, started
):
    with pytest.raises(SettingsError, match=message):
        reseen.train(recipe(*flags), crowd, tmp_path / "run", quiet=True, devices=devices)
    assert not started


def test_vectors_and_scores_of_two_processes(recipe, crowd, tmp_path, started):
    run = reseen.train(recipe(rounds=0), crowd, tmp_path / "run", quiet=True)
    files = [
        reseen.embed(
            run, crowd, tmp_path / f"{count}.parquet", devices=count, precision=precision, quiet=True
        )
        for count, precision in ((1, "32"), (2, "auto"))
    ]
    one, two = (pq.read_table(file) for file in files)
    assert one["path"].equals(two["path"])
    vectors = [np.stack(table["vector"].to_numpy()) for table in (one, two)]
    assert np.allclose(*vectors, atol=1e-4)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["1.parquet", "2.parquet", "run"]
    benchmark = read_benchmark(crowd)
    occlusions = [Occlusion(share=0.3)]
    alone, together = (
        retrieve(run, benchmark, occlusions=occlusions, devices=count, quiet=True) for count in (1, 2)
    )
    assert len(started) == 2
    for first, second in (
        (alone.task, together.task),
        *zip(*(r.occluded.values() for r in (alone, together)), strict=False),
    ):
        assert np.allclose(first.query.numpy, second.query.numpy, atol=1e-4)
        assert np.allclose(first.gallery.numpy, second.gallery.numpy, atol=1e-4)
    scores = [retrieval.score().mean_average_precision for retrieval in (alone, together)]
    assert scores[0] == pytest.approx(scores[1], abs=0.05)  # two answers as good as equal may change places


def launch(*arguments):
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "reseen",
    ]
    return subprocess.run(
        [*command, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


def test_torchrun(recipe, crowd, tmp_path):
    (tmp_path / "recipe.yaml").write_text(recipe().to_yaml())
    flags = ["train", tmp_path / "recipe.yaml", "--data", crowd, "--out", tmp_path / "run", "--quiet"]
    done = launch(*flags)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("2 rounds done") == 1
    assert reseen.open_run(tmp_path / "run").facts["processes"] == 2
    again = launch(*flags)
    assert again.returncode != 0
    assert again.stderr.count("reseen: ") == 1, again.stderr
    assert "already contains a run" in again.stderr
    vectors = [run.encoder().state_dict()["neck.weight"] for run in [reseen.open_run(tmp_path / "run")]]
    assert np.isfinite(vectors[0].numpy()).all()

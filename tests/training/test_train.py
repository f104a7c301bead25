import json

import numpy as np
import pytest
import torch
from tests.steady import far_apart

import reseen
from reseen.errors import DataError, RunError, StorageError, TrainingError
from reseen.runs.checkpoint import CHECKPOINT, read_checkpoint
from reseen.runs.cluster_file import read_clusters
from reseen.training import loop as fit_module


@pytest.fixture
def recipe(tiny_flags):
    return reseen.load_recipe("cluster-contrast", tiny_flags)


def tensors(run):
    return read_checkpoint(run.folder / CHECKPOINT)[0]


def same(first, second):
    return set(first) == set(second) and all(torch.equal(first[key], second[key]) for key in first)


def longer(recipe, **changes):
    return recipe.model_copy(update={"train": recipe.train.model_copy(update=changes)})


def test_a_run_is_complete_and_scored(recipe, crowd, tmp_path):
    seen = {}
    run = reseen.train(recipe, crowd, tmp_path / "run", quiet=True, on_clusters=seen.__setitem__)
    assert run.rounds_done == 2
    assert list(seen) == [1, 2]
    assert len(seen[2]) == run.facts["images"]
    assert seen[2].cluster_count == run.log[-1]["clusters"]
    assert [row["round"] for row in run.log] == [1, 2]
    assert {"contrast"} == set(run.log[0]["losses"])
    assert run.facts["images"] == len(reseen.read_training(crowd))
    assert run.facts["cameras"] == 3
    assert reseen.open_run(run.folder).recipe == recipe  # what is written is itself a recipe
    members = read_clusters(run.folder)
    assert sum(len(paths) for paths in members.values()) == run.facts["images"]
    score = reseen.score(run, crowd, quiet=True)
    assert 0 < score.mean_average_precision <= 1
    assert not list(run.folder.glob(".*"))  # no temporary file is left


def test_same_seed_same_bits_and_other_seed_other_bits(recipe, crowd, tmp_path):
    runs = [reseen.train(recipe, crowd, tmp_path / name, quiet=True) for name in ("a", "b")]
    assert same(*map(tensors, runs))
    other = reseen.train(
        recipe.model_copy(update={"seed": recipe.seed + 1}), crowd, tmp_path / "c", quiet=True
    )
    assert not same(tensors(runs[0]), tensors(other))


def test_resuming_gives_the_bits_of_an_uninterrupted_run(recipe, crowd, tmp_path, monkeypatch):
    recipe = longer(recipe, rounds=3, schedule="cosine")
    whole = reseen.train(recipe, crowd, tmp_path / "whole", quiet=True)
    train_round = fit_module.train_round

    def stopped_in_round_two(training, plan, number, view):
        result = train_round(training, plan, number, view)
        if number == 2:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(fit_module, "train_round", stopped_in_round_two)
    with pytest.raises(KeyboardInterrupt):
        reseen.train(recipe, crowd, tmp_path / "cut", quiet=True)
    monkeypatch.undo()
    stopped = reseen.open_run(tmp_path / "cut")
    assert stopped.rounds_done == 1
    assert reseen.score(stopped, crowd, quiet=True).valid_queries > 0  # a stopped run can be used
    resumed = reseen.train(recipe, crowd, tmp_path / "cut", resume=True, quiet=True)
    assert same(tensors(whole), tensors(resumed))
    timing = ("seconds", "images_per_second")
    for first, second in zip(whole.log, resumed.log, strict=True):
        assert {k: v for k, v in first.items() if not k.endswith(timing)} == {
            k: v for k, v in second.items() if not k.endswith(timing)
        }


def test_no_rounds_keep_the_starting_weights(recipe, crowd, tmp_path):
    run = reseen.train(longer(recipe, rounds=0), crowd, tmp_path / "run", quiet=True)
    assert run.rounds_done == 0
    assert run.log == []
    assert float(tensors(run)["encoder.neck.running_var"].sub(1).abs().max()) > 1e-3  # the neck is settled


def test_cameras_off_is_the_same_as_data_without_cameras(recipe, crowd, tmp_path):
    table = reseen.read_training(crowd)
    bare = reseen.ImageTable(table.root, table.paths, np.full(len(table), -1))
    off = reseen.train(recipe.model_copy(update={"cameras": False}), table, tmp_path / "off", quiet=True)
    none = reseen.train(recipe, bare, tmp_path / "none", quiet=True)
    assert same(tensors(off), tensors(none))
    assert off.facts["cameras"] == 0


def test_shuffled_names_change_nothing_that_could_leak(recipe, crowd, tmp_path):
    """Identities stand in the file names. Names without them, in the same order, train to the same bits."""
    table = reseen.read_training(crowd)
    folder = tmp_path / "anonymous"
    folder.mkdir()
    names = tuple(f"{row:05d}.jpg" for row in range(len(table)))
    for row, name in enumerate(names):
        (folder / name).symlink_to(table.path(row))
    anonymous = reseen.ImageTable(folder, names, table.cameras, table.camera_names)
    runs = [
        reseen.train(recipe, data, tmp_path / name, quiet=True)
        for name, data in (("a", table), ("b", anonymous))
    ]
    assert same(*map(tensors, runs))


def test_a_run_folder_is_not_overwritten(recipe, crowd, tmp_path):
    reseen.train(longer(recipe, rounds=1), crowd, tmp_path / "run", quiet=True)
    with pytest.raises(RunError, match="already contains a run; add --resume"):
        reseen.train(recipe, crowd, tmp_path / "run", quiet=True)
    with pytest.raises(RunError, match=r"train.rounds was 1, is 2"):
        reseen.train(recipe, crowd, tmp_path / "run", resume=True, quiet=True)


def test_resuming_with_changed_data_is_refused(recipe, crowd, tmp_path):
    table = reseen.read_training(crowd)
    reseen.train(longer(recipe, rounds=1), table, tmp_path / "run", quiet=True)
    with pytest.raises(RunError, match="have changed since this run began"):
        reseen.train(
            longer(recipe, rounds=1),
            table.select(range(len(table) - 1)),
            tmp_path / "run",
            resume=True,
            quiet=True,
        )


def test_fewer_crops_than_a_batch(recipe, crowd, tmp_path):
    table = reseen.read_training(crowd).select(range(10))
    with pytest.raises(DataError, match="10 crops are fewer than one batch of 16"):
        reseen.train(recipe, table, tmp_path / "run", quiet=True)


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_last_round(recipe, crowd, tmp_path):
    with pytest.raises(TrainingError, match=r"became nan; the run keeps its state of round \d"):
        reseen.train(longer(recipe, learning_rate=1e30, rounds=4), crowd, tmp_path / "run", quiet=True)
    assert all(torch.isfinite(value).all() for value in tensors(reseen.open_run(tmp_path / "run")).values())


def test_a_full_disk_keeps_the_last_round(recipe, crowd, tmp_path, monkeypatch):
    from reseen.runs import checkpoint

    save = checkpoint.save_file
    calls = []

    def full(values, path, metadata):
        calls.append(metadata.get("rounds_done"))
        save(values, path, metadata)
        if calls[-1] == "2":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(
        StorageError,
        match=r"the disk is full; free some space and run the command again \(resume training with --resume\)",
    ):
        reseen.train(recipe, crowd, tmp_path / "run", quiet=True)
    monkeypatch.undo()
    assert [done for done in calls if done is not None][-3:] == ["0", "1", "2"]  # and the starting weights
    assert reseen.open_run(tmp_path / "run").rounds_done == 1
    assert not list((tmp_path / "run").glob(".*"))
    assert reseen.train(recipe, crowd, tmp_path / "run", resume=True, quiet=True).rounds_done == 2


def test_damaged_runs_say_so(recipe, crowd, tmp_path):
    run = reseen.train(longer(recipe, rounds=0), crowd, tmp_path / "run", quiet=True)
    with pytest.raises(RunError, match="no such run folder"):
        reseen.open_run(tmp_path / "nothing")
    (run.folder / "checkpoint.safetensors").write_bytes(b"cut off")
    with pytest.raises(RunError, match="this checkpoint is damaged"):
        reseen.open_run(run.folder).encoder()
    (run.folder / "run.json").unlink()
    with pytest.raises(RunError, match=r"not a run of `reseen train`, it lacks run.json"):
        reseen.open_run(run.folder)


def test_tensorboard_events_are_written(recipe, crowd, tmp_path):
    reseen.train(longer(recipe, rounds=1, tensorboard=True), crowd, tmp_path / "run", quiet=True)
    assert list((tmp_path / "run" / "tensorboard").glob("events.*"))


def test_the_log_is_one_json_line_per_round(recipe, crowd, tmp_path):
    run = reseen.train(recipe, crowd, tmp_path / "run", quiet=True)
    lines = (run.folder / "log.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 2
    for key in ("losses", "clusters", "noise_share", "size_spread", "images_per_second", "learning_rate"):
        assert key in rows[0]


def test_the_order_of_the_files_does_not_decide_the_clusters(recipe, crowd, tmp_path, monkeypatch):
    """Sorted by name, the crops of a person stand together; shuffled, the first round must find the same groups."""
    table = reseen.read_training(crowd)
    place = {path: row for row, path in enumerate(table.texts)}
    real = fit_module.extract

    def extract(encoder, crops, *arguments, **options):
        groups = [place[path] // 6 for path in crops.table.texts]
        return far_apart(real(encoder, crops, *arguments, **options), groups)

    monkeypatch.setattr(fit_module, "extract", extract)
    shuffled = table.select(np.random.default_rng(0).permutation(len(table)))
    groups = []
    for name, data in (("sorted", table), ("shuffled", shuffled)):
        run = reseen.train(longer(recipe, rounds=1), data, tmp_path / name, quiet=True)
        groups.append(
            {frozenset(paths) for cluster, paths in read_clusters(run.folder).items() if cluster >= 0}
        )
    assert groups[0] == groups[1]
    assert len(groups[0]) == len(table) // 6

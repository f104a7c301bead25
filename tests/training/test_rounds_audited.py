"""What a training says of its rounds without labels, and when it ends by that."""

import numpy as np
import pytest

import reseen
from reseen.audit import clustering_agreement, round_scores
from reseen.runs.checkpoint import CHECKPOINT, read_checkpoint
from reseen.training import loop as fit_module


def recipe(tiny_flags, *more, **schedule):
    made = reseen.load_recipe("cluster-contrast", [*tiny_flags, *more])
    return made.model_copy(update={"train": made.train.model_copy(update=schedule)})


def test_every_round_is_measured(tiny_flags, crowd, tmp_path):
    seen = []
    run = reseen.train(
        recipe(tiny_flags),
        crowd,
        tmp_path / "run",
        quiet=True,
        on_clusters=lambda _, labels: seen.append(labels),
    )
    first, second = run.log
    assert first["agreement"] is first["audit_score"] is None
    assert second["agreement"] == pytest.approx(clustering_agreement(*seen))
    assert all(0 <= row["camera_mixing"] <= 1 for row in run.log)
    assert all(-1 <= row["compactness"] <= 1 for row in run.log)
    assert round_scores(run.log) == [None, second["audit_score"]]


def test_without_cameras_mixing_is_unknown(tiny_flags, crowd, tmp_path):
    run = reseen.train(recipe(tiny_flags, "--cameras", "false"), crowd, tmp_path / "run", quiet=True)
    assert [row["camera_mixing"] for row in run.log] == [None, None]
    assert run.log[1]["audit_score"] is not None


def test_the_checkpoint_knows_the_clusters_of_its_round(tiny_flags, crowd, tmp_path):
    seen = []
    run = reseen.train(
        recipe(tiny_flags),
        crowd,
        tmp_path / "run",
        quiet=True,
        on_clusters=lambda _, labels: seen.append(labels),
    )
    tensors, _ = read_checkpoint(run.folder / CHECKPOINT)
    assert (tensors["round.labels"].numpy() == seen[1].labels).all()


def test_a_stop_between_clusters_and_checkpoint_changes_no_agreement(
    tiny_flags, crowd, tmp_path, monkeypatch
):
    """The clusters of a round that was cut off lie in the folder; those of the round before are in the checkpoint."""
    wanted = reseen.train(recipe(tiny_flags, rounds=3), crowd, tmp_path / "whole", quiet=True)
    write = fit_module.write_clusters

    def stopped(folder, table, labels, number):
        write(folder, table, labels, number)
        if number == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(fit_module, "write_clusters", stopped)
    with pytest.raises(KeyboardInterrupt):
        reseen.train(recipe(tiny_flags, rounds=3), crowd, tmp_path / "cut", quiet=True)
    monkeypatch.undo()
    run = reseen.train(recipe(tiny_flags, rounds=3), crowd, tmp_path / "cut", quiet=True, resume=True)
    agreements = [[row["agreement"] for row in each.log] for each in (wanted, run)]
    assert agreements[0] == agreements[1]
    assert agreements[0][0] is None
    assert None not in agreements[0][1:]


def test_training_ends_when_the_score_no_longer_rises(tiny_flags, crowd, tmp_path, monkeypatch):
    scores = [None, 0.4, 0.6, 0.5, 0.5, 0.7]
    monkeypatch.setattr(fit_module, "round_scores", lambda rows: scores[: len(rows)])
    patient = recipe(tiny_flags, rounds=6, patience=2)
    run = reseen.train(patient, crowd, tmp_path / "run", quiet=True)
    assert run.rounds_done == 5
    again = reseen.train(patient, crowd, tmp_path / "run", quiet=True, resume=True)
    assert again.rounds_done == 5


def test_without_patience_all_rounds_are_trained(tiny_flags, crowd, tmp_path, monkeypatch):
    monkeypatch.setattr(fit_module, "round_scores", lambda rows: list(np.linspace(1, 0, len(rows))))
    run = reseen.train(recipe(tiny_flags, rounds=4), crowd, tmp_path / "run", quiet=True)
    assert run.rounds_done == 4

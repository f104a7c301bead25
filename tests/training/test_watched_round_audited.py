"""What a training says of its rounds without labels, and when it ends by that."""

from dataclasses import replace

import numpy as np
import pytest

import reseen
from reseen.audit import clustering_agreement, round_scores
from reseen.errors import RunError
from reseen.runs.checkpoint import CHECKPOINT, PREVIOUS, read_checkpoint
from reseen.runs.run_outcome import OUTCOME, CollapseStop, RunOutcome, read_outcome
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
    assert first["agreement"] is None
    assert second["agreement"] == pytest.approx(clustering_agreement(*seen))
    assert all(0 <= row["camera_mixing"] <= 1 for row in run.log)
    assert all(-1 <= row["compactness"] <= 1 for row in run.log)
    assert all(0 < row["largest_share"] <= 1 for row in run.log)
    assert all(0 < row["audit_score"] < 2 for row in run.log)
    rows = [row | {"half_agreement": None} for row in run.log]
    assert round_scores(rows) == [first["audit_score"], second["audit_score"]]


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


def test_a_training_ends_with_a_verdict_against_its_starting_weights(tiny_flags, crowd, tmp_path):
    import json

    run = reseen.train(recipe(tiny_flags), crowd, tmp_path / "run", quiet=True)
    outcome = read_outcome(run.folder)
    assert outcome.rounds == 2
    assert outcome.stopped is None
    assert outcome.verdict.before == pytest.approx(run.log[0]["audit_score"], abs=1e-3)
    assert outcome.verdict.outcome in ("better", "no different", "worse", "cannot say")
    written = json.loads((run.folder / OUTCOME).read_text())
    assert written["verdict"]["outcome"] == outcome.verdict.outcome
    assert not (run.folder / PREVIOUS).exists()
    again = reseen.train(recipe(tiny_flags), crowd, tmp_path / "run", quiet=True, resume=True)
    assert read_outcome(again.folder) == outcome


def test_no_rounds_have_no_verdict(tiny_flags, crowd, tmp_path):
    run = reseen.train(recipe(tiny_flags, rounds=0), crowd, tmp_path / "run", quiet=True)
    assert read_outcome(run.folder) == RunOutcome(0, None, None)


@pytest.fixture
def collapsing(monkeypatch):
    """A function: rounds from the given one on raise alarms by all settings."""
    begin = fit_module.begin_watched_round

    def collapse_from(first):
        rounds = []

        def begun(method, *arguments):
            rounds.append(0)
            watched = begin(method, *arguments)
            return (
                replace(watched, is_collapsed=True, notes=("warning: one",))
                if len(rounds) >= first
                else watched
            )

        monkeypatch.setattr(fit_module, "begin_watched_round", begun)

    return collapse_from


def test_a_round_that_collapses_ends_training_with_the_last_good_one(tiny_flags, crowd, tmp_path, collapsing):
    """The clusters of round 3 are those of the encoder after round 2; the one after round 1 gave good ones."""
    kept = {}

    def keep(number, _):
        if number == 2:  # the checkpoint on disk is that of round 1
            kept["encoder"] = reseen.open_run(tmp_path / "run").encoder().state_dict()

    collapsing(3)
    run = reseen.train(recipe(tiny_flags, rounds=5), crowd, tmp_path / "run", quiet=True, on_clusters=keep)
    outcome = read_outcome(run.folder)
    assert outcome.stopped == CollapseStop(3, 1, ("warning: one",))
    assert run.rounds_done == outcome.rounds == 1
    assert len(run.log) == 1
    assert outcome.verdict is not None
    assert "the result is the weights of round 1" in str(outcome.stopped)
    found = run.encoder().state_dict()
    assert all(np.array_equal(found[name], kept["encoder"][name]) for name in found)
    again = reseen.train(recipe(tiny_flags, rounds=5), crowd, tmp_path / "run", quiet=True, resume=True)
    assert again.rounds_done == 1
    assert read_outcome(again.folder) == outcome


def test_a_first_round_that_collapses_leaves_the_starting_weights(tiny_flags, crowd, tmp_path, collapsing):
    collapsing(1)
    run = reseen.train(recipe(tiny_flags), crowd, tmp_path / "run", quiet=True)
    outcome = read_outcome(run.folder)
    assert run.rounds_done == 0
    assert outcome.stopped.kept == 0
    assert outcome.verdict is None
    assert "the result is the starting weights" in str(outcome.stopped)
    start, end = run.encoder(untrained=True).state_dict(), run.encoder().state_dict()
    assert all(np.array_equal(start[name], end[name]) for name in start)


def test_a_damaged_outcome_says_how_to_make_it_again(tmp_path):
    assert read_outcome(tmp_path) is None
    (tmp_path / OUTCOME).write_text('{"rounds": "two"}')
    with pytest.raises(RunError, match=r"delete it and run `reseen train --resume` to write it again"):
        read_outcome(tmp_path)

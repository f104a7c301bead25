"""Starting from another run's encoder: transfer without labels."""

import json

import pytest
import torch

import reseen
from reseen.errors import RunError
from reseen.runs.checkpoint import CHECKPOINT
from reseen.training.setup import set_up


@pytest.fixture
def source(crowd, tiny_flags, tmp_path):
    return reseen.train(
        reseen.load_recipe("cluster-contrast", tiny_flags), crowd, tmp_path / "source", quiet=True
    )


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    folder = tmp_path_factory.mktemp("target") / "crowd"
    reseen.draw_crowd(folder, people=12, cameras=2, height=64, width=32, seed=9, processes=1, progress=False)
    return folder


def recipe(tiny_flags, start, **changes):
    flags = [flag for flag in tiny_flags if flag not in {"--model.weights", "none"}]  # a start brings its own
    made = reseen.load_recipe("cluster-contrast", [*flags, "--model.start", str(start)])
    model = made.model.model_copy(update={"backbone": changes.pop("backbone", made.model.backbone)})
    return made.model_copy(update={"model": model, "train": made.train.model_copy(update=changes)})


def weights(run, trunk=True):
    states = run.encoder().state_dict()
    return {name: value for name, value in states.items() if name.startswith("trunk.") == trunk}


def same(first, second):
    return set(first) == set(second) and all(torch.equal(first[name], second[name]) for name in first)


def test_no_rounds_keep_the_encoder_of_the_source_but_for_the_settled_neck(
    source, target, tiny_flags, tmp_path
):
    run = reseen.train(recipe(tiny_flags, source.folder, rounds=0), target, tmp_path / "adapted", quiet=True)
    assert same(weights(source), weights(run))
    neck_before, neck_after = weights(source, trunk=False), weights(run, trunk=False)
    assert torch.equal(neck_before["neck.weight"], neck_after["neck.weight"])
    assert not torch.equal(neck_before["neck.running_mean"], neck_after["neck.running_mean"])
    facts = run.facts["start"]
    assert facts["run"] == str(source.folder)
    assert facts["rounds"] == 2
    assert facts["data"] == source.facts["data"] != run.facts["data"]
    assert run.facts["encoder"][0] == f"start: the encoder of {source.folder} after 2 rounds"
    assert not any("random" in note for note in run.facts["encoder"])


def test_what_is_said_of_a_resumed_encoder_names_no_weights_that_were_not_loaded(
    source, target, tiny_flags, tmp_path
):
    table = reseen.read_training(target)
    training = set_up(recipe(tiny_flags, source.folder), table, tmp_path / "run", quiet=True, resumed=True)
    assert training.encoder.notes[0] == "weights: those of the checkpoint"


def test_transfer_learns_from_there_and_is_scored_on_the_target(source, target, tiny_flags, tmp_path):
    run = reseen.train(recipe(tiny_flags, source.folder), target, tmp_path / "adapted", quiet=True)
    assert run.rounds_done == 2
    assert not same(weights(source), weights(run))
    assert reseen.score(run, target, quiet=True).to_json()["rules"]["domain"] == "same"
    assert reseen.score(source, target, quiet=True).to_json()["rules"]["domain"] == "cross-domain"
    facts = json.loads((run.folder / "run.json").read_text())
    assert len(facts["start"]["checkpoint_sha256"]) == 64
    assert reseen.open_run(run.folder).recipe.model.start == str(source.folder)


def test_a_transferred_run_needs_its_source_no_more(source, target, tiny_flags, tmp_path):
    run = reseen.train(recipe(tiny_flags, source.folder), target, tmp_path / "adapted", quiet=True)
    (source.folder / CHECKPOINT).unlink()
    assert reseen.score(run, target, quiet=True).valid_queries > 0


def test_a_source_that_does_not_fit_is_said(source, target, tiny_flags, tmp_path):
    other = recipe(tiny_flags, source.folder, backbone="mobilenetv3_small_075")
    with pytest.raises(
        RunError, match=r"model.start: .* another encoder .* its backbone is test_efficientnet"
    ):
        reseen.train(other, target, tmp_path / "a", quiet=True)
    with pytest.raises(RunError, match="no such run folder"):
        reseen.train(recipe(tiny_flags, "nowhere"), target, tmp_path / "b", quiet=True)


def test_going_on_after_a_stop_needs_the_source_no_more(source, target, tiny_flags, tmp_path, monkeypatch):
    from reseen.training import loop as fit

    whole = reseen.train(recipe(tiny_flags, source.folder), target, tmp_path / "whole", quiet=True)
    train_round = fit.train_round

    def stopped_in_round_two(training, plan, number, view):
        if number == 2:
            raise KeyboardInterrupt
        return train_round(training, plan, number, view)

    monkeypatch.setattr(fit, "train_round", stopped_in_round_two)
    with pytest.raises(KeyboardInterrupt):
        reseen.train(recipe(tiny_flags, source.folder), target, tmp_path / "cut", quiet=True)
    monkeypatch.undo()
    (source.folder / CHECKPOINT).unlink()
    resumed = reseen.train(
        recipe(tiny_flags, source.folder), target, tmp_path / "cut", resume=True, quiet=True
    )
    assert same(weights(whole), weights(resumed))
    assert resumed.facts["start"]["run"] == str(source.folder)


def test_a_run_without_a_start_says_none(source):
    assert source.facts["start"] is None


def test_windows_that_moved_by_another_reach_are_refused(recipe_of, crowd, tmp_path):
    def made(**changes):
        recipe = recipe_of("global-patch")
        patches = recipe.model.patches.model_copy(
            update={"generator": "learned", **changes.pop("patches", {})}
        )
        weights = "hub" if "start" in changes else "none"  # a start brings its own
        model = recipe.model.model_copy(update={"patches": patches, "weights": weights, **changes})
        train = recipe.train.model_copy(update={"rounds": 0})
        return recipe.model_copy(update={"model": model, "train": train})

    run = reseen.train(made(), crowd, tmp_path / "run", quiet=True)
    start = str(run.folder)
    for generator in ("learned", "frozen"):
        other = made(start=start, patches={"generator": generator, "reach": 0.3})
        with pytest.raises(
            RunError, match=r"with a reach of 0.1, these settings have 0.3; use --model.patches.reach 0.1"
        ):
            reseen.train(other, crowd, tmp_path / generator, quiet=True)
    same_reach = made(start=start, patches={"generator": "frozen"})
    assert reseen.train(same_reach, crowd, tmp_path / "more", quiet=True).rounds_done == 0

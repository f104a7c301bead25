"""What `source` does beyond what every method does."""

import numpy as np
import pytest
import torch

import reseen
from reseen.config import merge
from reseen.datasets import read_splits
from reseen.errors import SettingsError
from reseen.records import to_index_tensor
from reseen.runs.recipe import Recipe
from reseen.training.loop import make_batch


def test_the_labels_are_those_of_the_file(begin, crowd):
    training, plan = begin("source")
    truth = read_splits(crowd, names=("train",))["train"]
    known = dict(zip(truth.images.texts, truth.identities.tolist(), strict=True))
    people = np.array([known[path] for path in training.crops.table.texts])
    labels = plan.clustering.labels.labels
    assert (
        len({*zip(people.tolist(), labels.tolist(), strict=True)})
        == len(set(people.tolist()))
        == labels.max() + 1
    )
    assert plan.clustering.notes == ("supervised: 6 people by the labels in data.labels",)


def test_patches_have_losses_of_their_own(recipe_of, crowd, tmp_path):
    from reseen.features.extract import extract
    from reseen.training.setup import set_up

    values = merge(
        recipe_of("source").model_dump(mode="json"), {"model": {"patches": {"count": 2, "dimension": 8}}}
    )
    training = set_up(Recipe.parse(values, "t"), reseen.read_training(crowd), tmp_path / "run", quiet=True)
    plan = training.method.begin_round(extract(training.encoder, training.crops, torch.device("cpu")), 1)
    training.encoder.train()
    batch = make_batch(training, next(iter(plan.batches)), to_index_tensor(plan.clustering.labels.labels))
    step = training.method.losses(batch)
    assert set(step.terms) == {"identity", "patch_identity", "triplet", "patch_triplet"}
    assert torch.isfinite(step.loss)


def test_a_run_on_labels_is_a_start_for_a_method_without(recipe_of, crowd, tmp_path):
    values = merge(
        recipe_of("source").model_dump(mode="json"), {"model": {"patches": {"count": 2, "dimension": 8}}}
    )
    source = reseen.train(Recipe.parse(values, "t"), crowd, tmp_path / "source", quiet=True)
    target = merge(
        recipe_of("global-patch").model_dump(mode="json"),
        {
            "model": {"start": str(source.folder), "weights": "hub", "patches": {"count": 2, "dimension": 8}},
            "train": {"rounds": 1},
        },
    )
    run = reseen.train(Recipe.parse(target, "t"), crowd, tmp_path / "target", quiet=True)
    assert run.rounds_done == 1
    assert run.facts["start"]["run"] == str(source.folder)


def test_without_labels_and_with_them_elsewhere_it_is_told_what_to_do(recipe_of, crowd, tmp_path):
    recipe = recipe_of("source")
    none = recipe.model_copy(update={"data": recipe.data.model_copy(update={"labels": None})})
    with pytest.raises(SettingsError, match="source trains with labels; give a CSV file"):
        reseen.train(none, crowd, tmp_path / "a", quiet=True)
    other = recipe_of("sphere")
    told = other.model_copy(update={"data": recipe.data})
    with pytest.raises(SettingsError, match="sphere trains without labels"):
        reseen.train(told, crowd, tmp_path / "b", quiet=True)
    assert not (tmp_path / "b").exists()

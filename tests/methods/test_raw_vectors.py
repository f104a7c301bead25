"""Raw features drop the projection on the sphere everywhere: clustering, loss, memory, retrieval."""

import pytest
import torch

import reseen
from reseen.errors import SettingsError
from reseen.features.extract import extract
from reseen.methods import METHODS
from reseen.training.setup import set_up


def raw_recipe(recipe_of, name, neck):
    merging = {"rounds_before_merging": 1} if name == "progressive" else {}
    recipe = recipe_of(name, clustering={"feature": "raw", "steps": 2, "share": 0.05}, **merging)
    return recipe.model_copy(
        update={"model": recipe.model.model_copy(update={"feature": "raw", "neck": neck})}
    )


@pytest.mark.parametrize(
    ("name", "neck"), [("sphere", "batch-norm"), ("progressive", "batch-norm"), ("sphere", "none")]
)
def test_a_run_is_raw_from_loss_to_score(name, neck, recipe_of, crowd, tmp_path):
    recipe = raw_recipe(recipe_of, name, neck)
    run = reseen.train(recipe, crowd, tmp_path / "run", quiet=True)
    assert all(row["loss"] > 0 for row in run.log)
    score = reseen.score(run, crowd, quiet=True)
    assert score.to_json()["rules"]["similarity"].startswith("Euclidean")
    training = set_up(recipe, reseen.read_training(crowd), tmp_path / "again", quiet=True)
    features = extract(training.encoder, training.crops, torch.device("cpu"), mirrored=True)
    assert features.raw
    lengths = features.vectors.norm(dim=1)
    assert lengths.std() > 0.02 * lengths.mean()


@pytest.mark.parametrize("name", sorted(name for name in METHODS if not METHODS[name].method.takes_raw))
def test_methods_of_the_sphere_refuse_raw_features_and_say_which_do_not(name, recipe_of, crowd, tmp_path):
    recipe = recipe_of(name)
    recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update={"feature": "raw"})})
    with pytest.raises(SettingsError, match=f"{name} requires features of unit length.*progressive, sphere"):
        reseen.train(recipe, crowd, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()

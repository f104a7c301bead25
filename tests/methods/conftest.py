from pathlib import Path

import pytest

from reseen.config import merge, parse_flags
from reseen.data.readers import read_splits
from reseen.data.write_labels import write_labels
from reseen.engine.recipe import Recipe
from reseen.methods import METHODS


@pytest.fixture
def recipe_of(tiny_flags, crowd, tmp_path_factory):
    """A function from a method's name to a tiny recipe of it; settings that the method does not have are left out."""

    def make(name, **method_settings):
        if name == "maskpre":  # the map of tiny crops has 4 x 2 cells
            method_settings = {"mask": {"block": 2, "ramp": 0}, **method_settings}
        model = {}
        if name == "global-patch":
            model = {"patches": {"count": 2, "dimension": 8}}
            tiny = {
                "sampler": {"clusters_per_batch": 8, "images_per_cluster": 1},
                "credible": {"count": 4, "threshold": 0.1},
                "warmup": 0,
                "image_patches": {"dimension": 4},
            }
            method_settings = {**tiny, **method_settings}
        data = {}
        if name == "source":
            data = {"labels": str(tmp_path_factory.mktemp("labels") / "labels.csv")}
            write_labels(Path(data["labels"]), read_splits(crowd, names=("train",))["train"])
        values = merge(
            parse_flags(tiny_flags),
            {"data": data, "model": model, "method": {"name": name, **method_settings}},
        )
        known = METHODS[name].settings.model_fields
        values["method"] = {key: value for key, value in values["method"].items() if key in known}
        return Recipe.parse(values, name)

    return make


@pytest.fixture
def begin(recipe_of, crowd, tmp_path):
    """A function that sets a method up on the drawn crowd and begins a round: (training, round)."""
    import torch

    import reseen
    from reseen.engine.extract import extract
    from reseen.engine.train import prepare

    def start(name, cameras=True, **method_settings):
        recipe = recipe_of(name, **method_settings)
        table = reseen.read_training(crowd)
        if not cameras:
            table = reseen.ImageTable(table.root, table.paths, table.cameras * 0 - 1)
        training = prepare(recipe, table, tmp_path / "run", quiet=True)
        features = extract(training.encoder, training.crops, torch.device("cpu"))
        return training, training.method.begin_round(features, recipe.train.iterations)

    return start

"""Methods that merge bottom-up start from tracklets where the table knows them."""

import dataclasses

import numpy as np
import pytest
import torch

import reseen
from reseen.features.extract import extract
from reseen.training.setup import set_up


@pytest.mark.parametrize("name", ["sphere", "sphere-contrast", "progressive"])
@pytest.mark.parametrize("wanted", [True, False])
def test_tracklets_stay_together(name, wanted, recipe_of, crowd, tmp_path):
    values = {"tracklets": wanted, "hierarchy": {"share": 0.1, "steps": 1}}
    recipe = recipe_of(name, **values)
    table = reseen.read_training(crowd)
    tracklets = np.arange(len(table)) // 2
    tracklets[-4:] = -1
    table = dataclasses.replace(table, tracklets=tracklets)
    training = set_up(recipe, table, tmp_path / "run", quiet=True)
    features = extract(training.encoder, training.crops, torch.device("cpu"))
    labels = training.method.begin_round(features, 1).clustering.labels.labels
    together = labels[:-4:2] == labels[1:-4:2]
    assert together.all() if wanted else not together.all()

"""Methods that merge bottom-up start from tracklets where the table knows them; all can be bound by them."""

import dataclasses

import numpy as np
import pytest
import torch

import reseen
from reseen.errors import DataError
from reseen.features.extract import extract
from reseen.geometry import unit
from reseen.records import Features, PseudoLabels
from reseen.training.setup import set_up


@pytest.mark.parametrize("name", ["sphere", "sphere-contrast", "progressive"])
@pytest.mark.parametrize("wanted", [True, False])
def test_tracklets_stay_together(name, wanted, recipe_of, crowd, tmp_path):
    values = {"tracklets": wanted, "clustering": {"share": 0.1, "steps": 1}}
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


def test_training_takes_them_from_the_table_and_says_so(recipe_of, crowd, tmp_path):
    recipe = recipe_of("cluster-contrast")
    data = recipe.data.model_copy(update={"tracklet_constraints": "both"})
    recipe = recipe.model_copy(update={"data": data})
    table = reseen.read_training(crowd)
    with pytest.raises(DataError, match=r"no two tracklets of one camera overlap in time"):
        set_up(recipe, table, tmp_path / "run", quiet=True)
    order = np.lexsort((np.arange(len(table)), table.cameras))
    tracklets, times = np.zeros(len(table), np.int64), np.zeros(len(table))
    tracklets[order], times[order] = np.arange(len(table)) // 2, np.arange(len(table)) % 4
    table = dataclasses.replace(table, tracklets=tracklets, times=times)
    training = set_up(recipe, table, tmp_path / "run", quiet=True)
    limits = training.method.context.constraints
    assert "must-links" in training.notes[0]
    features = Features(unit(torch.randn(len(table), 8, generator=torch.Generator().manual_seed(0))))
    labels = PseudoLabels(np.zeros(len(table), np.int64))
    clustering = training.method.apply_constraints(
        features,
        lambda: dataclasses.replace(training.method.begin_round(features, 1).clustering, labels=labels),
    )
    got = clustering.labels.labels
    assert (got[limits.must[:, 0]] == got[limits.must[:, 1]]).all()
    assert (got[limits.cannot[:, 0]] != got[limits.cannot[:, 1]]).all()
    assert clustering.notes[-1].startswith("constraints merged")

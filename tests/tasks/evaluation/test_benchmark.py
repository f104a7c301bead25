"""Benchmarks are read with the rules they are made for, and scored by them."""

import json

import pytest
from tests.datasets.trees import plant

import reseen
from reseen.datasets import Layout
from reseen.errors import SettingsError
from reseen.tasks.evaluation.score import read_benchmark


def test_a_benchmark_says_what_it_is(tmp_path, crowd):
    assert read_benchmark(crowd).name == "Market-1501"
    root = plant(tmp_path, Layout.CUHK03)
    assert read_benchmark(root, variant="labeled").name == "CUHK03, new protocol, labeled boxes"
    assert read_benchmark(root).protocol == "market"


@pytest.mark.parametrize(
    ("layout", "variant", "protocol"),
    [
        (Layout.MARS, None, "video"),
        (Layout.CUHK03, "classic-labeled-7", "cuhk03-classic"),
        (Layout.VEHICLEID, "medium", "vehicleid"),
        (Layout.VEHICLEID, "small-3", "market"),
    ],
)
def test_a_run_is_scored_by_the_rules_of_the_benchmark(
    tmp_path, crowd, tiny_flags, layout, variant, protocol
):
    root = plant(tmp_path, layout)
    assert read_benchmark(root, variant=variant).protocol == protocol
    recipe = reseen.load_recipe("cluster-contrast", tiny_flags)
    recipe = recipe.model_copy(update={"train": recipe.train.model_copy(update={"rounds": 0})})
    run = reseen.train(recipe, crowd, tmp_path / "run", quiet=True)
    score = reseen.score(run, root, variant=variant, quiet=True)
    assert score.to_json()["protocol"] == protocol
    assert 0 < score.mean_average_precision <= 1


def test_an_unknown_variant_gets_a_suggestion(tmp_path):
    with pytest.raises(SettingsError, match="did you mean 'small-1"):
        read_benchmark(plant(tmp_path, Layout.VEHICLEID), variant="smal-1")


def test_a_run_says_how_its_data_was_read(tmp_path, crowd, tiny_flags):
    recipe = reseen.load_recipe("cluster-contrast", [*tiny_flags, "--data.variant", "standard"])
    run = reseen.train(recipe, crowd, tmp_path / "run", quiet=True)
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["read_as"].startswith("Market-1501 layout, ")
    score = reseen.score(run, crowd, layout="market1501", variant="standard", quiet=True)
    assert score.mean_average_precision > 0

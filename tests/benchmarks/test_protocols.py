"""The protocols and regimes of the benchmarks, as far as they can be checked without training."""

import json

import pytest
from benchmarks.accuracy import RESULTS, shareable
from benchmarks.protocols import PROTOCOLS

from benchmarks import regimes
from reseen.runs.recipe import Recipe, load_recipe


def protocol_arms():
    return [(protocol, arm) for protocol in PROTOCOLS.values() for arm in protocol.arms]


def arm_recipe(protocol, arm, weights="none", seed=0):
    flags = ["--model.weights", weights, "--seed", str(seed), *arm.flags]
    return load_recipe(arm.recipe or protocol.recipe, flags)


@pytest.mark.parametrize(("protocol", "arm"), protocol_arms(), ids=lambda one: getattr(one, "name", None))
def test_the_settings_of_every_arm_are_valid(protocol, arm):
    assert arm_recipe(protocol, arm).train.iterations > 0


@pytest.mark.parametrize("arm", regimes.ARMS)
def test_the_settings_of_every_arm_of_the_regimes_are_valid(arm):
    assert load_recipe(regimes.RECIPE, regimes.ARMS[arm].flags).method.name == "cluster-contrast"


def test_the_recipe_auto_is_the_arm_that_was_measured():
    """Whitening follows the training and is measured on finished runs, by `benchmarks/whitening.py`."""
    flags = [*regimes.ARMS["auto-cameras-shipped"].flags, "--model.weights", "hub", "--train.whiten", "true"]
    assert load_recipe(regimes.RECIPE, flags).effective() == load_recipe("auto").effective()


@pytest.mark.parametrize("file", sorted(RESULTS.glob("market*--seed*.json")), ids=lambda file: file.stem)
def test_results_were_made_with_the_settings_that_an_arm_has_now(file):
    record = json.loads(file.read_text(encoding="utf-8"))
    weights = record["recipe"]["model"]["weights"]
    protocol = PROTOCOLS[record["protocol"]]
    now = arm_recipe(protocol, protocol.arm(record["arm"]), weights, record["seed"])
    now = Recipe.parse(shareable(now, weights), "now")
    assert Recipe.parse(record["recipe"], file.name).effective() == now.effective()


@pytest.mark.parametrize("file", sorted((RESULTS / "regimes").glob("*.json")), ids=lambda file: file.stem)
def test_results_of_regimes_were_made_with_the_settings_that_an_arm_has_now(file):
    record = json.loads(file.read_text(encoding="utf-8"))
    recorded = Recipe.parse(record["recipe"], file.name)
    now = load_recipe(regimes.RECIPE, regimes.ARMS[record["arm"]].flags)
    assert recorded.method == now.method
    assert recorded.train == now.train

"""What refines labels, all together, in methods that contrast with centroids."""

from typing import ClassVar

from tests.methods.test_camera_contrast import Steady
from tests.methods.test_conformance import SETTINGS

from reseen.config import merge
from reseen.runs.recipe import Recipe
from reseen.testing import conformance_crowd as conformance_crowd
from reseen.testing.conformance import TINY

EXTENSION = {"weight": 0.5}
NEIGHBORS = {"weight": 0.5, "neighbors": 6, "from_round": 1}
SOFT = {"share": 0.3, "neighbors": 12, "from_round": 1}


class TestClusterContrastRefined(Steady):
    name = "cluster-contrast"
    settings: ClassVar = {
        **SETTINGS["cluster-contrast"],
        "camera_contrast": {"entropy_weights": True, "mask_negatives": True, "from_round": 1},
        "drop_disputed": True,
        "implicit_extension": EXTENSION,
        "part_blend": {"half_weight": 0.15},
        "neighbor_contrast": NEIGHBORS,
        "soft_targets": SOFT,
    }


class TestMaskPreRefined(Steady):
    name = "maskpre"
    settings: ClassVar = {
        **SETTINGS["maskpre"],
        "classes": "classifier",
        "drop_disputed": True,
        "part_blend": {"half_weight": 0.15},
        "neighbor_contrast": NEIGHBORS,
        "soft_targets": {**SOFT, "distance": "jaccard", "jaccard": {"k1": 8, "k2": 3}},
    }


def test_a_run_that_is_resumed_in_the_round_in_which_they_begin_ends_in_the_same_bits(
    conformance_crowd, tmp_path, monkeypatch
):
    suite = TestClusterContrastRefined()
    late = {"soft_targets": {**SOFT, "from_round": 3}, "implicit_extension": {**EXTENSION, "from_round": 3}}
    late["neighbor_contrast"] = {**NEIGHBORS, "from_round": 3}
    values = {"method": {"name": suite.name, **suite.settings, **late}}
    recipe = Recipe.parse(merge({**TINY, "train": {**TINY["train"], "rounds": 3}}, values), suite.name)
    suite.test_a_stopped_run_goes_on_to_the_same_bits(recipe, conformance_crowd, tmp_path, monkeypatch)

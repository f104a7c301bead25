"""Every method of the package passes the conformance suite that outside methods can run (`reseen.testing`)."""

import pytest
import torch

from reseen.config import merge
from reseen.methods import METHODS, RegisteredMethod
from reseen.methods.cluster_contrast import ClusterContrast
from reseen.runs.recipe import Recipe
from reseen.testing import MethodConformance
from reseen.testing import conformance_crowd as conformance_crowd
from reseen.testing.conformance import TINY

_BATCH = {"sampler": {"clusters_per_batch": 4, "images_per_cluster": 4}}
_JACCARD = {"clustering": {"eps": "auto", "jaccard": {"k1": 8, "k2": 3}}}
_MASKS = {"mask": {"block": 2, "ramp": 0}}  # the map of tiny crops has 4 x 2 cells

SETTINGS = {
    "cluster-contrast": {**_BATCH, **_JACCARD},
    "global-patch": {
        "sampler": {"clusters_per_batch": 8, "images_per_cluster": 1},
        "credible": {"count": 4, "threshold": 0.1},
        "warmup": 0,
        "image_patches": {"dimension": 4},
    },
    "maskpre": {**_BATCH, **_JACCARD, **_MASKS},
    "progressive": {**_BATCH, "rounds_before_merging": 1},
    "source": _BATCH,
    "sphere": _BATCH,
    "sphere-contrast": _BATCH,
}


def _class(name: str) -> type:
    recipe = {"model": {"patches": {"count": 2, "dimension": 8}}} if name == "global-patch" else {}
    members = {"name": name, "settings": SETTINGS[name], "recipe_settings": recipe}
    return type(f"Test{name.title().replace('-', '')}", (MethodConformance,), members)


for _name in METHODS:
    globals()[f"Test{_name.title().replace('-', '')}"] = _class(_name)


def test_every_method_has_settings_here():
    assert set(SETTINGS) == set(METHODS)


def test_a_method_that_breaks_a_promise_fails(conformance_crowd, tmp_path, monkeypatch):
    """The suite can fail: losses that draw random numbers are caught."""

    class Drawing(ClusterContrast):
        def losses(self, batch):
            torch.rand(1, generator=self.context.generator)
            return super().losses(batch)

    name = "cluster-contrast"
    monkeypatch.setitem(METHODS, name, RegisteredMethod(Drawing, METHODS[name].settings))
    recipe = Recipe.parse(merge(TINY, {"method": {"name": name, **SETTINGS[name]}}), name)
    with pytest.raises(AssertionError):
        _class(name)().test_losses_change_nothing(recipe, conformance_crowd, tmp_path)

"""Patches of earlier stages, against stages run one by one and pixels changed by hand."""

import copy
from typing import ClassVar

import pytest
import torch
from tests.export.test_export import short
from tests.methods.test_conformance import SETTINGS
from torch import nn

import reseen
from reseen.config import merge
from reseen.errors import RunError, SettingsError
from reseen.geometry import unit
from reseen.models import Encoder, ModelSettings
from reseen.models.arithmetic import Arithmetic
from reseen.models.encoder_fingerprint import fingerprint
from reseen.models.fold import inference_copy
from reseen.models.frozen_stages import frozen_output, fuse_frozen, trunk_maps_from_frozen
from reseen.models.patch_stage import with_stage
from reseen.runs.recipe import Recipe
from reseen.testing import MethodConformance
from reseen.testing import conformance_crowd as conformance_crowd

PATCHES = {"count": 2, "dimension": 8}


class TestGlobalPatchOfAnEarlierStage(MethodConformance):
    name = "global-patch"
    settings: ClassVar = SETTINGS["global-patch"]
    recipe_settings: ClassVar = {"model": {"patches": {**PATCHES, "stage": 4}}}


def encoder_of(stage, backbone="test_resnet", size=(64, 32), arithmetic=None, **settings):
    """An encoder in evaluation mode whose batch norms do something."""
    torch.manual_seed(0)
    patches = {**PATCHES, "stage": stage, **settings.pop("patches", {})}
    values = ModelSettings(backbone=backbone, weights="none", patches=patches, **settings)
    encoder = Encoder(values, *size, arithmetic=arithmetic)
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return encoder.eval()


def noise(*size, count=3):
    return torch.randn(count, 3, *(size or (64, 32)), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("backbone", ["test_resnet", "test_efficientnet"])
def test_without_a_stage_patches_are_those_of_the_trunks_output_in_all_bits(backbone):
    encoder, images = encoder_of(None, backbone), noise()
    output = encoder.trunk(images)
    whole = unit(encoder.neck(encoder.pooling(output)).float())
    patches = unit(encoder.patches(output).flatten(1))
    assert torch.equal(encoder(images), unit(torch.cat([whole, patches], dim=1)))
    maps = encoder.trunk_maps(images)
    assert maps.patches is maps.last


@pytest.mark.parametrize("stage", [1, 2, 3, 4, 5])
def test_patches_are_cut_from_the_output_of_the_stage_and_the_whole_from_the_last_map(stage):
    encoder, images = encoder_of(stage), noise()
    trunk = copy.deepcopy(encoder.trunk)
    output = trunk.bn1(trunk.conv1(images))
    if stage > 1:
        output = trunk.maxpool(trunk.act1(output))  # the activation works in place: stage 1 must be a copy
        for number in range(1, stage):
            output = trunk.get_submodule(f"layer{number}")(output)
    expected = encoder.patches(output)
    maps = encoder.trunk_maps(images)
    torch.testing.assert_close(maps.patches, output)
    torch.testing.assert_close(encoder.embed_patches(maps.patches), expected)
    whole, parts = encoder(images).split([encoder.channels, 16], dim=1)
    torch.testing.assert_close(unit(whole), encoder.embed(trunk(images)))
    torch.testing.assert_close(unit(parts), unit(expected.flatten(1)))
    assert encoder.dimension == encoder.channels + 16


def test_a_patch_of_an_early_stage_depends_on_the_pixels_in_its_reach_alone():
    images = noise()
    feet = images.clone()
    feet[:, :, 40:] += torch.randn(3, 3, 24, 32, generator=torch.Generator().manual_seed(2))
    moved = {}
    for stage in (2, None):
        encoder = encoder_of(stage, patches={"count": 4})
        before, after = (encoder.embed_patches(encoder.trunk_maps(each).patches) for each in (images, feet))
        moved[stage] = (before - after).norm(dim=2).mean(dim=0)
    near, far = moved[2].detach().tolist(), moved[None].detach().tolist()
    assert near[:2] == pytest.approx([0, 0], abs=1e-6)
    assert near[3] > 0.01
    assert far[1] > 0.001  # the same patch of the last map sees the feet


def test_gradients_flow_from_patches_into_the_stages_up_to_theirs_and_not_behind():
    encoder = encoder_of(3).train()
    encoder.embed_patches(encoder.trunk_maps(noise()).patches)[:, :, 0].sum().backward()
    trunk = encoder.trunk
    for module, reached in ((trunk.conv1, True), (trunk.layer2, True), (trunk.layer3, False)):
        assert all((weight.grad is not None) == reached for weight in module.parameters())


@pytest.mark.parametrize(("stage", "frozen"), [(4, 0), (4, 3), (4, 4)])
def test_folded_trunks_and_kept_frozen_maps_give_the_same(stage, frozen):
    encoder = encoder_of(stage, "test_efficientnet", frozen_stages=frozen, arithmetic=Arithmetic(fused=True))
    images = noise()
    with torch.no_grad():
        wanted, folded = encoder(images), inference_copy(encoder)
        assert folded is not encoder
        torch.testing.assert_close(folded(images), wanted, rtol=1e-3, atol=1e-5)
        if frozen:
            for each in (encoder, folded):
                kept = trunk_maps_from_frozen(each, images[:1], frozen_output(each, images))
                torch.testing.assert_close(each.embed_all(kept), wanted, rtol=1e-3, atol=1e-5)
            assert fuse_frozen(encoder)
            torch.testing.assert_close(encoder(images), wanted, rtol=1e-3, atol=1e-5)
    assert len(encoder.trunk.get_submodule(encoder.patch_stage)._forward_hooks) == 0


def test_a_folded_trunk_with_another_map_of_the_stage_is_not_used(monkeypatch):
    encoder = encoder_of(4, "test_efficientnet", arithmetic=Arithmetic(fused=True))

    def other(trunk, _images):
        spoiled = copy.deepcopy(trunk).eval()
        spoiled.blocks[2].register_forward_hook(lambda _module, _input, output: output + 1)
        return spoiled

    monkeypatch.setattr("reseen.models.fold.fold_batch_norms", other)
    assert inference_copy(encoder).trunk is encoder.trunk
    whole = encoder_of(None, "test_efficientnet", arithmetic=Arithmetic(fused=True))
    assert inference_copy(whole).trunk is not whole.trunk


def test_a_stage_of_frozen_weights_trains_and_moves_no_frozen_weight(recipe_of, crowd, tmp_path):
    recipe = short(recipe_of("global-patch"), "test_efficientnet")
    model = recipe.model.model_copy(
        update={"frozen_stages": 3, "patches": recipe.model.patches.model_copy(update={"stage": 3})}
    )
    run = reseen.train(recipe.model_copy(update={"model": model}), crowd, tmp_path / "run", quiet=True)
    before, after = run.encoder(untrained=True), run.encoder()
    frozen = after.trunk.get_submodule(after.patch_stage).state_dict()
    for name, value in before.trunk.get_submodule(after.patch_stage).state_dict().items():
        assert torch.equal(value, frozen[name])
    assert not torch.equal(before.patches.embedding, after.patches.embedding)
    assert 0 < reseen.score(run, crowd, quiet=True).mean_average_precision <= 1


@pytest.fixture(scope="module")
def staged_run(crowd, tmp_path_factory):
    """A run of one round with patches of an earlier stage and frozen stages before it."""
    values = {
        "model": {
            "backbone": "test_efficientnet", "weights": "none", "norm_group": 8, "frozen_stages": 2,
            "patches": {**PATCHES, "stage": 4},
        },
        "data": {"height": 64, "width": 32},
        "train": {"rounds": 1, "iterations": 2, "device": "cpu"},
        "method": {"name": "global-patch"},
    }  # fmt: skip
    recipe = Recipe.parse(merge(values, {"method": SETTINGS["global-patch"]}), "staged")
    return reseen.train(recipe, crowd, tmp_path_factory.mktemp("staged") / "run", quiet=True)


@pytest.mark.parametrize("part", ["both", "global", "patch"])
@pytest.mark.parametrize("suffix", [".onnx", ".pt2"])
def test_an_export_has_the_patches_of_the_stage(suffix, part, staged_run, tmp_path):
    made = reseen.export_run(staged_run, tmp_path / f"model{suffix}", part=part, quiet=True)
    assert made.parity.minimum >= 0.99999
    assert made.card["reseen.fingerprint"] == fingerprint(staged_run.encoder(part=part))


@pytest.mark.parametrize(
    ("suffix", "options"), [(".xml", {}), (".onnx", {"fp16": True}), (".onnx", {"int8": True})]
)
def test_other_forms_of_an_export_have_them_too(suffix, options, staged_run, crowd, tmp_path):
    extra = {"calibrate": crowd, "crops": 24} if "int8" in options else {}
    made = reseen.export_run(staged_run, tmp_path / f"model{suffix}", quiet=True, **options, **extra)
    assert made.parity.median >= (0.97 if "int8" in options else 0.999)


def test_another_stage_is_another_model():
    one, other = encoder_of(4, "test_resnet"), encoder_of(4, "test_resnet")
    assert fingerprint(one) == fingerprint(other)
    other.patch_stage = "layer2"
    assert fingerprint(one) != fingerprint(other)


def test_a_start_with_patches_of_another_stage_is_refused(staged_run, crowd, tmp_path):
    model = staged_run.recipe.model
    patches = model.patches.model_copy(update={"stage": None})
    start = {"start": str(staged_run.folder), "weights": "hub", "patches": patches}
    recipe = staged_run.recipe.model_copy(update={"model": model.model_copy(update=start)})
    with pytest.raises(
        RunError, match=r"cut its patches from model\.patches\.stage 4, these settings have null"
    ):
        reseen.train(recipe, crowd, tmp_path / "run", quiet=True)


def test_a_compiled_trunk_is_refused(staged_run, crowd, tmp_path):
    recipe = staged_run.recipe
    compiled = recipe.model_copy(update={"train": recipe.train.model_copy(update={"compile": True})})
    with pytest.raises(SettingsError, match=r"train\.compile: .*leave out one of the two"):
        reseen.train(compiled, crowd, tmp_path / "run", quiet=True)


@pytest.mark.parametrize(
    ("stage", "settings", "message"),
    [
        (6, {}, "has 5 stages including the stem, got 6; use at most 5"),
        (2, {"frozen_stages": 3}, "use at least 3, or freeze at most 2"),
        (3, {"backbone": "test_vit"}, "outputs tokens.*use a convolutional backbone"),
        (5, {"patches": {"count": 5}}, "5 stripes do not fit on a map of 4 x 2 cells"),
    ],
)
def test_stages_without_a_map_are_refused(stage, settings, message):
    with pytest.raises(SettingsError, match=message):
        encoder_of(stage, **settings)


def test_a_module_that_does_not_run_once_has_no_output():
    trunk = nn.Sequential(nn.Identity())
    with pytest.raises(ValueError, match="was not run once"):
        with_stage(trunk, "0", lambda: trunk(trunk(torch.zeros(1))))
    with pytest.raises(ValueError, match="was not run once"):
        with_stage(trunk, "0", lambda: torch.zeros(1))

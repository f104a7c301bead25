"""Backbones that cannot be built as asked for are refused with a size or name that works."""

import json

import pytest
import timm
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from reseen.errors import SettingsError, WeightsError
from reseen.models import Encoder, ModelSettings
from reseen.models.backbone import build_backbone, load_trunk
from reseen.models.stages import stages_of
from reseen.models.trial import probe_trunk
from reseen.models.weights import save_backbone_weights


def build(name, size=(128, 64), **settings):
    return build_backbone(ModelSettings(backbone=name, **{"weights": "none", **settings}), *size)


def bare(name):
    return timm.create_model(name, num_classes=0, global_pool="")


def test_an_unknown_tag_is_named_with_those_that_there_are():
    with pytest.raises(
        SettingsError, match=r"no weights 'nosuchtag' for mobilenetv2_100; available: ra_in1k"
    ):
        build("mobilenetv2_100.nosuchtag")
    with pytest.raises(SettingsError, match=r"no weights 'tv_in1' for resnet18; did you mean 'tv_in1k'"):
        build("resnet18.tv_in1")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "vit_tiny_patch16_224",
            r"ignores 10 of 250 rows and 13 of 125 columns.*; 256 x 128 works: --data.height 256 --data",
        ),
        ("levit_128s", r"does not support crops of 250 x 125 pixels \(.*; 256 x 128 works"),
        ("efficientformer_l1", r"does not support crops of 250 x 125 pixels \(.*; 224 x 224 works"),
    ],
)
def test_a_size_that_does_not_go_is_refused_with_one_that_does(name, said):
    with pytest.raises(SettingsError, match=said):
        build(name, (250, 125))


def test_a_few_lost_rows_are_a_note():
    (note,) = [note for note in build("convnextv2_atto", (250, 125)).notes if "ignored at" in note]
    assert note == "ignored at the edges of a crop: 2 rows and 1 columns of pixels"


def test_residual_branches_that_start_closed_are_looked_through():
    trunk = bare("resnet18")
    assert not trunk.layer1[0].bn2.weight.any()  # timm starts them at zero
    assert probe_trunk(trunk, 128, 64).unseen == (0, 0)
    assert not trunk.layer1[0].bn2.weight.any()
    assert trunk.training


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("regnetx_002", [["stem"], ["s1"], ["s2"], ["s3"], ["s4"]]),
        ("dla34", [["base_layer"], *([f"level{i}"] for i in range(6))]),
        ("nest_tiny", [["patch_embed"], *([f"levels.{i}"] for i in range(3))]),
        ("pit_ti_224", [["patch_embed"], *([f"transformers.{i}"] for i in range(3))]),
        ("test_vit", [["patch_embed"], *([f"blocks.{i}"] for i in range(6))]),
    ],
)
def test_stages_are_those_of_timm(name, stages):
    with torch.device("meta"):
        trunk = timm.create_model(name, num_classes=0)
    assert stages_of(trunk) == stages


def test_what_is_frozen_learns_nothing_position_embeddings_included():
    regnet = build("regnetx_002", frozen_stages=2)
    assert regnet.frozen == ("stem", "s1")
    vit = build("test_vit", frozen_stages=2).trunk
    assert not vit.pos_embed.requires_grad
    assert not any(p.requires_grad for p in vit.blocks[0].parameters())
    assert all(p.requires_grad for p in vit.blocks[1].parameters())
    assert build("test_vit").trunk.pos_embed.requires_grad


def save_as(file, name, **metadata):
    file.parent.mkdir(exist_ok=True)
    save_file(bare(name).state_dict(), file, metadata or None)
    return str(file)


def test_weights_of_another_network_are_refused_by_every_name_that_is_known(tmp_path):
    tf = "tf_efficientnet_lite0"
    named = save_as(tmp_path / "w.safetensors", tf, **{"reseen.backbone": tf})
    with pytest.raises(
        WeightsError,
        match=rf"contains {tf} according to its metadata.*differs in its modules.*--model.backbone {tf}",
    ):
        build("efficientnet_lite0", weights=named)
    called = save_as(tmp_path / f"{tf}.safetensors", tf)
    with pytest.raises(WeightsError, match=rf"contains {tf} according to its file name"):
        build("efficientnet_lite0", weights=called)
    hub = save_as(tmp_path / "hub" / "model.safetensors", tf)
    (tmp_path / "hub" / "config.json").write_text(json.dumps({"architecture": tf}))
    with pytest.raises(WeightsError, match=rf"contains {tf} according to the config.json beside it"):
        build("efficientnet_lite0", weights=hub)
    assert f"{tf} according to its metadata" in build(tf, weights=named).notes[0]
    mean = save_as(tmp_path / "m.safetensors", tf, mean="0.5,0.5,0.5", std="0.5,0.5,0.5")
    with pytest.raises(
        WeightsError, match=r"trained on images with mean 0.5, 0.5, 0.5, .* uses 0.485, 0.456, 0.406"
    ):
        build("efficientnet_lite0", weights=mean)
    unnamed = save_as(tmp_path / "x.safetensors", tf)
    note = build("efficientnet_lite0", weights=unnamed).notes[0]
    assert f"model not stated, assumed to be efficientnet_lite0, not {tf}" in note


def test_another_name_for_the_same_network_is_taken(tmp_path):
    file = tmp_path / "w.safetensors"
    save_file(bare("vit_tiny_patch16_224").state_dict(), file, {"reseen.backbone": "vit_tiny_patch16_224"})
    assert "according to its metadata" in build("vit_tiny_patch16_384", weights=str(file)).notes[0]


def test_saved_weights_name_their_network(tmp_path):
    trunk, file = bare("test_resnet"), tmp_path / "w.safetensors"
    count = save_backbone_weights(trunk, file, "test_resnet")
    assert count == len(trunk.state_dict())
    with safe_open(file, framework="pt") as opened:
        assert opened.metadata()["reseen.backbone"] == "test_resnet"
    again = load_trunk("test_resnet", file).state_dict()
    assert all(torch.equal(again[name], value) for name, value in trunk.state_dict().items())


def test_a_checkpoint_of_a_run_is_no_file_of_weights(tmp_path):
    encoder = Encoder(ModelSettings(backbone="test_resnet", weights="none"), 64, 32)
    file = tmp_path / "checkpoint.safetensors"
    save_file({f"encoder.{name}": value for name, value in encoder.state_dict().items()}, file)
    with pytest.raises(WeightsError, match=r"run's checkpoint; start from it with --model.start"):
        build("test_resnet", weights=str(file))

import pytest
import timm
import torch

from reseen.models.last_stride import refine_last_stage


def bare(name, **options):
    torch.manual_seed(0)
    return timm.create_model(name, num_classes=0, global_pool="", **options).eval()


@pytest.mark.parametrize(
    "name", ["resnet10t", "mobilenetv3_small_050", "lcnet_050", "resnetv2_50d_gn", "regnetx_002"]
)
def test_the_map_is_twice_as_large_and_the_weights_are_the_same(name):
    backbone = bare(name)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    images = torch.rand(1, 3, 128, 64)
    with torch.no_grad():
        small = backbone(images)
        assert refine_last_stage(backbone)
        large = backbone(images)
    assert (large.shape[2], large.shape[3]) == (2 * small.shape[2], 2 * small.shape[3])
    assert large.shape[1] == small.shape[1]
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())


@pytest.mark.parametrize(("name", "size"), [("convnext_atto", (64, 32)), ("vit_tiny_patch16_224", (64, 32))])
def test_backbones_that_do_not_allow_it_stay_as_they_are(name, size):
    options = {"img_size": size} if name.startswith("vit") else {}
    backbone = bare(name, **options)
    images = torch.rand(1, 3, *size)
    with torch.no_grad():
        before = backbone(images)
        assert not refine_last_stage(backbone)
        assert torch.equal(backbone(images), before)


def test_the_training_mode_and_hooks_are_put_back():
    backbone = bare("resnet10t").train()
    refine_last_stage(backbone)
    assert backbone.training
    assert not any(module._forward_hooks for module in backbone.modules())

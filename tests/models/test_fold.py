"""A folded trunk gives what the trunk gives, and a trunk that cannot be folded is left alone."""

import pytest
import torch
from torch import nn

from reseen.models import Encoder, ModelSettings
from reseen.models.arithmetic import Arithmetic, arithmetic_of
from reseen.models.ema import MomentumTeacher, TeacherSettings
from reseen.models.fold import fold_batch_norms, folded_copy, inference_copy
from reseen.models.frozen_stages import frozen_output, fuse_frozen, maps_from_frozen

FUSED = Arithmetic(fused=True)


def encoder_of(backbone, stages, arithmetic=None):
    torch.manual_seed(0)
    settings = ModelSettings(backbone=backbone, weights="none", frozen_stages=stages)
    encoder = Encoder(settings, 64, 32, arithmetic=arithmetic)
    for norm in encoder.modules():  # statistics and weights that differ from channel to channel
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_(0, 0.2)
            norm.running_var.uniform_(0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.normal_(norm.bias, 0, 0.2)
    return encoder.to(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    "backbone", ["mobilenetv2_035", "mobilenetv3_small_050", "test_resnet", "tf_efficientnet_lite0"]
)
def test_output_without_batch_norms(backbone):
    trunk = encoder_of(backbone, 0).eval().trunk
    images = torch.rand(3, 3, 64, 32)
    before = {name: value.clone() for name, value in trunk.state_dict().items()}
    folded = fold_batch_norms(trunk, images)
    assert folded is not None
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    wanted, other = trunk(images), torch.rand(3, 3, 64, 32)
    assert (folded(images) - wanted).abs().max() < 1e-3 * wanted.abs().max()
    assert (folded(other) - trunk(other)).abs().max() < 1e-3 * wanted.abs().max()
    assert all(torch.equal(value, before[name]) for name, value in trunk.state_dict().items())


class Branches(nn.Module):
    """A convolution whose output is used twice: scaling its weights would change both."""

    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.norm.running_mean.fill_(0.5)

    def forward(self, images):
        output = self.convolution(images)
        return self.norm(output) + output


def test_what_cannot_be_folded_is_not():
    images = torch.rand(2, 3, 8, 8)
    assert fold_batch_norms(Branches(), images) is None
    assert fold_batch_norms(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), images) is None
    compiled = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    assert fold_batch_norms(compiled, images) is not None
    compiled.compile()
    assert fold_batch_norms(compiled, images) is None


@pytest.mark.parametrize(("backbone", "stages"), [("mobilenetv2_035", 4), ("test_resnet", 1)])
def test_a_fused_front_gives_the_maps_and_gradients_of_the_trunk(backbone, stages):
    plain, fused = encoder_of(backbone, stages).train(), encoder_of(backbone, stages, FUSED).train()
    assert fuse_frozen(fused)
    images = torch.rand(6, 3, 64, 32)
    torch.testing.assert_close(
        frozen_output(fused, images), frozen_output(plain, images), rtol=1e-4, atol=1e-4
    )
    losses = [encoder(images).square()[:, ::2].sum() for encoder in (plain, fused)]
    for loss in losses:
        loss.backward()
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-4, atol=1e-4)
    for (name, mine), theirs in zip(fused.named_parameters(), plain.parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None), name
        if mine.grad is not None:
            scale = theirs.grad.abs().max().item()
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=0.01, atol=0.01 * scale + 1e-6)
    assert plain.state_dict().keys() == fused.state_dict().keys()


def test_teachers_share_the_front_and_maps_from_what_it_gives():
    student = encoder_of("mobilenetv2_035", 4, FUSED).eval()
    fuse_frozen(student)
    teacher = MomentumTeacher(student, TeacherSettings()).encoder
    assert teacher.front is student.front
    images = torch.rand(4, 3, 64, 32)
    torch.testing.assert_close(
        maps_from_frozen(teacher, images, frozen_output(student, images)), student.maps(images)
    )


def test_without_frozen_stages_or_fusing_there_is_no_front():
    encoder = encoder_of("mobilenetv2_035", 0, FUSED)
    assert not fuse_frozen(encoder)
    frozen = encoder_of("mobilenetv2_035", 2)
    assert not fuse_frozen(frozen)
    assert frozen.front is None


def test_an_inference_copy_embeds_alike_and_leaves_the_encoder_alone():
    plain = encoder_of("mobilenetv2_035", 2).eval()
    assert inference_copy(plain) is plain
    images = torch.rand(4, 3, 64, 32)
    wanted = plain(images)
    for arithmetic in (FUSED, Arithmetic(torch.bfloat16, fused=True)):  # the copy is float32 in both
        encoder = encoder_of("mobilenetv2_035", 2, arithmetic).eval()
        trunk = encoder.trunk
        twin = inference_copy(encoder)
        assert twin is not encoder
        assert encoder.trunk is trunk
        assert encoder.arithmetic == arithmetic
        assert (twin(images) * wanted).sum(dim=1).min() > 0.9999


def test_a_folded_copy_computes_as_it_is_told():
    plain = encoder_of("mobilenetv2_035", 0).eval()
    images = torch.rand(4, 3, 64, 32)
    wanted = plain(images)
    exact, short = (folded_copy(plain, Arithmetic(number)) for number in (None, torch.bfloat16))
    assert exact.trunk is not plain.trunk
    assert (exact(images) * wanted).sum(dim=1).min() > 0.9999
    assert short.maps(images).dtype == torch.bfloat16
    assert short(images).dtype == torch.float32


def test_a_copy_of_what_has_no_batch_norm_keeps_its_trunk():
    plain = encoder_of("test_vit", 0).eval()
    assert folded_copy(plain, Arithmetic()) is plain
    short = folded_copy(plain, Arithmetic(torch.bfloat16))
    assert short.trunk is plain.trunk
    images = torch.rand(2, 3, 64, 32)
    assert not torch.equal(short.maps(images), plain.maps(images))


def test_precisions_mean_the_same_everywhere_but_auto():
    assert (
        arithmetic_of("32", "cpu")
        == arithmetic_of("32", "cuda")
        == arithmetic_of("auto", "cuda")
        == Arithmetic()
    )
    assert arithmetic_of("bf16-mixed", "cpu") == Arithmetic(torch.bfloat16)
    assert arithmetic_of("auto", "cpu").fused

"""A teacher that takes up where the frozen stages end gives what it gives by itself."""

import pytest
import torch

from reseen.models import Encoder, ModelSettings
from reseen.models.ema import MomentumTeacher, TeacherSettings
from reseen.models.frozen_stages import apply_mask, frozen_grid, frozen_output, maps_from_frozen


def make(backbone, stages):
    torch.manual_seed(0)
    settings = ModelSettings(backbone=backbone, weights="none", frozen_stages=stages, norm_group=None)
    return Encoder(settings, 64, 32)


@pytest.mark.parametrize(
    ("backbone", "stages"),
    [
        ("mobilenetv2_035", 1),
        ("mobilenetv2_035", 4),
        ("mobilenetv3_small_050", 2),
        ("test_resnet", 1),
        ("test_resnet", 2),
        ("test_mambaout", 2),  # keeps maps as (b, y, x, d)
    ],
)
def test_the_teacher_gives_the_same_maps(backbone, stages):
    student = make(backbone, stages)
    teacher = MomentumTeacher(student, TeacherSettings(momentum=0.5)).encoder
    with torch.no_grad():
        for name, parameter in teacher.named_parameters():
            if not any(name.startswith(f"trunk.{stage}.") for stage in student.frozen):
                parameter.mul_(1.1)
    images = torch.rand(6, 3, 64, 32)
    assert frozen_grid(teacher) == frozen_grid(student) is not None
    output = frozen_output(student, images)
    assert not output.requires_grad
    assert output.shape[2:] == frozen_grid(student)
    before = output.clone()
    torch.testing.assert_close(
        maps_from_frozen(teacher, images, output), teacher.maps(images), rtol=1e-4, atol=1e-4
    )
    assert torch.equal(output, before)  # later stages change a copy
    torch.testing.assert_close(teacher.maps(images), teacher.maps(images))  # hooks are gone


def test_without_frozen_stages_there_is_nothing_to_share():
    encoder = make("mobilenetv2_035", 0)
    assert frozen_grid(encoder) is None
    with pytest.raises(ValueError, match=r"no frozen stages; set model\.frozen_stages to 1 or more"):
        frozen_output(encoder, torch.rand(2, 3, 64, 32))


def test_gradients_of_a_hidden_view_reach_what_learns_alone():
    student = make("mobilenetv2_035", 4).train()
    images = torch.rand(4, 3, 64, 32)
    kept = torch.rand(4, 1, *frozen_grid(student)) > 0.3
    maps_from_frozen(student, images, apply_mask(frozen_output(student, images), kept)).sum().backward()
    for name, parameter in student.trunk.named_parameters():
        frozen = any(name.startswith(f"{stage}.") for stage in student.frozen)
        assert (parameter.grad is None) == frozen, name


def test_what_is_left_is_scaled_up_to_what_was_there():
    output = torch.ones(2, 3, 4, 2)
    kept = torch.ones(2, 1, 4, 2, dtype=torch.bool)
    kept[0, 0, :2] = False
    found = apply_mask(output, kept)
    assert torch.equal(found[0, :, :2], torch.zeros(3, 2, 2))
    torch.testing.assert_close(found.sum(dim=(1, 2, 3)), output.sum(dim=(1, 2, 3)))


def test_a_trunk_whose_later_stages_look_further_back_is_not_shared():
    encoder = make("test_resnet", 1)

    class LooksBack(torch.nn.Module):
        """Adds the size of the images to the map, as nets that keep early features would."""

        def __init__(self, trunk):
            super().__init__()
            self.inner = trunk

        def forward(self, images):
            return self.inner(images) + images.mean()

    encoder.frozen = tuple(f"inner.{name}" for name in encoder.frozen)
    encoder.trunk = LooksBack(encoder.trunk)
    assert frozen_grid(encoder) is None

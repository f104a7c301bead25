"""A teacher that takes up where the frozen stages end gives what it gives by itself."""

import pytest
import torch

from reseen.models import Encoder, ModelSettings
from reseen.models.ema import MomentumTeacher, TeacherSettings
from reseen.models.frozen_stages import can_share, maps_from, remember_frozen


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
    assert can_share(teacher)
    with remember_frozen(student) as outputs:
        student.maps(images)
    assert len(outputs) == 1
    assert not outputs[0].requires_grad
    torch.testing.assert_close(
        maps_from(teacher, images, outputs[0]), teacher.maps(images), rtol=1e-4, atol=1e-4
    )
    with remember_frozen(student) as outputs:
        teacher.maps(images)  # hooks are gone, and the teacher's are its own
    assert not outputs


def test_without_frozen_stages_there_is_nothing_to_share():
    encoder = make("mobilenetv2_035", 0)
    assert not can_share(encoder)
    images = torch.rand(2, 3, 64, 32)
    with remember_frozen(encoder.eval()) as outputs:
        whole = encoder.maps(images)
    assert outputs == []
    torch.testing.assert_close(maps_from(encoder, images, torch.empty(0)), whole)


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
    assert not can_share(encoder)

"""A teacher that takes up where the frozen stages end gives what it gives by itself."""

import copy

import pytest
import torch

from reseen.models import Encoder, ModelSettings
from reseen.models.ema import MomentumTeacher, TeacherSettings
from reseen.models.frozen_stages import (
    apply_mask,
    frozen_grid,
    frozen_output,
    given_frozen_output,
    maps_from_frozen,
)


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


@pytest.mark.parametrize("backbone", ["mobilenetv2_035", "test_resnet", "test_mambaout"])
def test_a_given_output_stands_for_the_frozen_stages_in_training_mode(backbone):
    student = make(backbone, 2).train()
    images, blank = torch.rand(6, 3, 64, 32), torch.zeros(1, 3, 64, 32).expand(6, -1, -1, -1)
    output, start = frozen_output(student, images), copy.deepcopy(student.state_dict())
    assert torch.equal(output, frozen_output(student.eval(), images))  # frozen norms never use the batch
    student.train()
    found, states, gradients = [], [], []
    for given in (False, True):
        student.load_state_dict(start)
        student.zero_grad()
        torch.manual_seed(0)
        if given:
            with given_frozen_output([student], output):
                maps = student.maps(blank)
                assert torch.equal(frozen_output(student, blank), output)
        else:
            maps = student.maps(images)
        maps.square().sum().backward()
        found.append(maps.detach())
        states.append(copy.deepcopy(student.state_dict()))
        gradients.append({name: one.grad for name, one in student.trunk.named_parameters()})
    assert student.front is None
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-4)
    for name, value in states[
        0
    ].items():  # statistics of what learns moved alike, those of frozen stages not at all
        torch.testing.assert_close(states[1][name], value, rtol=1e-4, atol=1e-4)
    for name, gradient in gradients[0].items():
        if gradient is None:
            assert gradients[1][name] is None, name
        else:
            torch.testing.assert_close(
                gradients[1][name], gradient, rtol=1e-2, atol=1e-2 * float(gradient.abs().max())
            )


def test_a_failure_within_leaves_no_given_output_behind():
    student = make("test_resnet", 2)
    with pytest.raises(RuntimeError, match="fails"), given_frozen_output([student, student], torch.zeros(1)):
        raise RuntimeError("fails")
    assert student.front is None
    with (
        pytest.raises(ValueError, match="no frozen stages"),
        given_frozen_output([make("test_resnet", 0)], torch.zeros(1)),
    ):
        pass


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

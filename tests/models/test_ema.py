import pytest
import torch

from reseen.models import Encoder, ModelSettings
from reseen.models.ema import MomentumTeacher, ResidualHead, TeacherSettings, predictor


@pytest.fixture
def student():
    torch.manual_seed(0)
    return Encoder(ModelSettings(backbone="test_resnet", weights="none"), 32, 16)


def shift(student, by):
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(by)


def test_the_first_step_copies_the_student(student):
    teacher = MomentumTeacher(student, TeacherSettings())
    shift(student, 0.5)
    teacher.update(student)
    for own, theirs in zip(teacher.encoder.parameters(), student.parameters(), strict=True):
        assert torch.equal(own, theirs)


def test_under_a_constant_student_the_difference_shrinks_by_the_momentum(student):
    teacher = MomentumTeacher(student, TeacherSettings(momentum=0.0))
    teacher.update(student)  # past the step that copies
    settings = TeacherSettings(momentum=0.9)
    teacher._settings, teacher._steps = settings, 1000
    shift(student, 1.0)
    for _ in range(5):
        teacher.update(student)
    for own, theirs in zip(teacher.encoder.parameters(), student.parameters(), strict=True):
        assert torch.allclose(theirs - own, torch.full_like(own, 0.9**5), atol=1e-5)


def test_the_warm_up_is_the_mean_of_all_students_so_far(student):
    teacher = MomentumTeacher(student, TeacherSettings())
    first = next(student.parameters()).detach().clone()
    for _ in range(4):
        shift(student, 1.0)
        teacher.update(student)
    own = next(teacher.encoder.parameters())
    assert torch.allclose(own, first + (1 + 2 + 3 + 4) / 4, atol=1e-5)


@pytest.mark.parametrize("statistics", ["copy", "average"])
def test_statistics_of_batch_norms_follow_the_policy(student, statistics):
    teacher = MomentumTeacher(student, TeacherSettings(momentum=0.5, statistics=statistics))
    teacher._steps = 1000
    student.neck.running_mean.fill_(8.0)
    student.neck.num_batches_tracked.fill_(7)
    teacher.update(student)
    expected = 8.0 if statistics == "copy" else 4.0
    assert torch.allclose(
        teacher.encoder.neck.running_mean, torch.full_like(student.neck.running_mean, expected)
    )
    assert int(teacher.encoder.neck.num_batches_tracked) == 7


def test_the_teacher_has_no_gradients_and_stays_in_evaluation_mode(student):
    teacher = MomentumTeacher(student, TeacherSettings())
    student.train()
    teacher.update(student)
    assert not any(parameter.requires_grad for parameter in teacher.encoder.parameters())
    assert not any(module.training for module in teacher.encoder.modules())
    assert not {id(p) for p in teacher.encoder.parameters()} & {id(p) for p in student.parameters()}


def test_a_state_goes_on_to_the_same_bits(student):
    teachers = [MomentumTeacher(student, TeacherSettings(momentum=0.7)) for _ in range(2)]
    shift(student, 1.0)
    teachers[0].update(student)
    teachers[0].update(student)
    teachers[1].restore(teachers[0].state())
    shift(student, -0.3)
    for teacher in teachers:
        teacher.update(student)
    for one, other in zip(*(teacher.encoder.state_dict().values() for teacher in teachers), strict=True):
        assert torch.equal(one, other)


def test_the_predictor_keeps_the_dimension():
    assert predictor(12, 5)(torch.randn(4, 12)).shape == (4, 12)


def test_a_head_that_is_added_starts_as_the_identity_and_learns():
    head, vectors = ResidualHead(predictor(12, 5)), torch.randn(4, 12)
    assert torch.equal(head(vectors), vectors)
    head(vectors).square().sum().backward()
    assert head.head[-1].weight.grad.abs().sum() > 0

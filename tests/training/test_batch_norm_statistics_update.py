"""Renewed statistics of batch norms against those of one batch with everything."""

import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

import reseen
from reseen.data.crops import open_crops
from reseen.data.settings import DataSettings
from reseen.data.views import normalize
from reseen.models import Encoder, ModelSettings
from reseen.training.batch_norm_statistics import update_bn

CPU = torch.device("cpu")


@pytest.fixture
def crops(crowd):
    found = open_crops(reseen.read_training(crowd), DataSettings(), 64, 32, progress=False)
    assert len(found) <= 256  # one batch
    return found


def network(**settings):
    torch.manual_seed(0)
    return Encoder(ModelSettings(backbone="lcnet_050", weights="none", **settings), 64, 32)


def norms_of(encoder):
    return [module for module in encoder.modules() if isinstance(module, _BatchNorm)]


def test_they_are_those_of_all_crops_at_once(crops):
    encoder, other = network(norm_group=None), network(norm_group=None)
    update_bn(encoder, crops, CPU)
    for norm in norms_of(other):
        norm.momentum = 1.0
    with torch.no_grad():
        other.train()(normalize(crops.images(torch.arange(len(crops))), other.mean, other.std))
    for found, expected in zip(norms_of(encoder), norms_of(other), strict=True):
        torch.testing.assert_close(found.running_mean, expected.running_mean, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(found.running_var, expected.running_var, atol=1e-4, rtol=1e-3)


def test_nothing_else_changes(crops):
    encoder = network(frozen_stages=2)
    encoder.train()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    frozen = {
        f"{name}.{key}"
        for name, module in encoder.named_modules()
        if isinstance(module, _BatchNorm) and not module.training
        for key in ("running_mean", "running_var")
    }
    assert frozen
    update_bn(encoder, crops, CPU)
    after = encoder.state_dict()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed
    assert all(key.endswith(("running_mean", "running_var")) for key in changed)
    assert not changed & frozen
    assert encoder.training
    assert {norm.momentum for norm in norms_of(encoder)} == {0.1}


def test_the_order_of_crops_in_the_table_makes_no_difference_to_speak_of(crops):
    one, other = network(norm_group=None), network(norm_group=None)
    update_bn(one, crops, CPU)
    update_bn(other, crops.select(torch.arange(len(crops)).flip(0).numpy()), CPU)
    for found, expected in zip(norms_of(one), norms_of(other), strict=True):
        torch.testing.assert_close(found.running_var, expected.running_var, atol=1e-4, rtol=1e-3)


def test_a_run_keeps_those_of_student_and_teacher(crowd, tmp_path, crops):
    flags = [
        "--model.backbone", "test_byobnet", "--model.weights", "none", "--data.height", "64", "--data.width", "32",
        "--train.rounds", "1", "--train.iterations", "2", "--train.renew-statistics", "true", "--train.device", "cpu",
        "--method.clustering.name", "hierarchy", "--method.smallest-cluster", "1", "--method.clustering.steps", "3",
        "--method.mask.block", "1",
        "--method.sampler.clusters-per-batch", "4", "--method.sampler.images-per-cluster", "2",
    ]  # fmt: skip
    run = reseen.train(reseen.load_recipe("maskpre", flags), crowd, tmp_path / "run")
    for student in (True, False):
        encoder = run.encoder(student=student)
        before = [norm.running_mean.clone() for norm in norms_of(encoder)]
        update_bn(encoder, crops, CPU)
        for norm, mean in zip(norms_of(encoder), before, strict=True):
            torch.testing.assert_close(norm.running_mean, mean, atol=1e-4, rtol=1e-3)

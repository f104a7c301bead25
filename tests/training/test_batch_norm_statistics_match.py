"""Batch norms with other statistics compute the same in evaluation, and nearly that in training."""

import pytest
import torch
from torch import nn

import reseen
from reseen.data.crops import open_crops
from reseen.data.settings import DataSettings
from reseen.data.views import normalize
from reseen.models import Encoder, ModelSettings
from reseen.training.batch_norm_statistics import match_statistics

CPU = torch.device("cpu")


@pytest.fixture
def crops(crowd):
    return open_crops(reseen.read_training(crowd), DataSettings(), 64, 32, progress=False)


def network(backbone, frozen):
    """An encoder whose norms hold the statistics of some other images."""
    torch.manual_seed(0)
    settings = ModelSettings(backbone=backbone, weights="none", frozen_stages=frozen, norm_group=None)
    encoder = Encoder(settings, 64, 32)
    norms = [module for module in encoder.trunk.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0, 0.2)
        norm.train()
    with torch.no_grad():
        encoder.trunk(2 * torch.randn(16, 3, 64, 32))
    for norm in norms:
        norm.momentum = 0.1
    return encoder


@pytest.mark.parametrize(
    ("backbone", "frozen"), [("mobilenetv2_035", 0), ("mobilenetv2_035", 3), ("test_resnet", 1)]
)
def test_the_function_of_evaluation_stays_and_that_of_training_comes_to_it(crops, backbone, frozen):
    encoder = network(backbone, frozen).eval()
    images = normalize(crops.images(torch.arange(len(crops))), encoder.mean, encoder.std)
    frozen_names = tuple(f"trunk.{stage}." for stage in encoder.frozen)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}

    def gap():
        """How far the maps of training and evaluation are apart."""
        state = {name: value.clone() for name, value in encoder.state_dict().items()}
        with torch.no_grad():
            apart = encoder.eval().maps(images) - encoder.train().maps(images)
        encoder.load_state_dict(state)
        encoder.eval()
        return apart.abs().mean()

    with torch.no_grad():
        wanted = encoder.maps(images)
    gap_before = gap()
    changed = match_statistics(encoder, crops, CPU)
    norms = [m for m in encoder.trunk.modules() if isinstance(m, nn.BatchNorm2d)]
    assert 0 < changed <= len(norms)
    assert (changed < len(norms)) == (frozen > 0)
    with torch.no_grad():
        found = encoder.maps(images)
    assert (found - wanted).abs().max() < 1e-4 * wanted.abs().max()
    for name, value in encoder.state_dict().items():
        if name.startswith(frozen_names):
            assert torch.equal(value, before[name])
    assert gap() < 0.5 * gap_before


def test_a_second_time_changes_nothing_but_roundings(crops):
    encoder = network("test_resnet", 0)
    encoder.train()
    match_statistics(encoder, crops, CPU)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    match_statistics(encoder, crops, CPU)
    assert encoder.training
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=1e-3, atol=1e-4)


def test_norms_hold_the_moments_of_their_input(crops):
    encoder = network("test_resnet", 0).eval()
    norm = next(module for module in encoder.trunk.modules() if isinstance(module, nn.BatchNorm2d))
    match_statistics(encoder, crops, CPU)
    seen = []
    handle = norm.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].detach()))
    encoder(normalize(crops.images(torch.arange(len(crops))), encoder.mean, encoder.std))
    handle.remove()
    values = seen[0].transpose(0, 1).flatten(1)
    torch.testing.assert_close(norm.running_mean, values.mean(dim=1), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(norm.running_var, values.var(dim=1, correction=0), rtol=1e-3, atol=1e-4)

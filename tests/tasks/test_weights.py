"""Backbone weights from a run, and from a file."""

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from reseen.errors import SettingsError
from reseen.tasks.weights import save_weights


@pytest.fixture
def run(untrained_run):
    return untrained_run


def test_a_run_and_its_file_hold_the_same_weights(run, tmp_path):
    first = save_weights(run, tmp_path / "first.safetensors")
    again = save_weights(first.file, tmp_path / "again.safetensors", first.backbone)
    assert first.backbone == again.backbone == "test_efficientnet"
    one, other = load_file(first.file), load_file(again.file)
    assert len(one) == first.tensors == again.tensors
    assert all(torch.equal(one[name], other[name]) for name in one)
    with safe_open(again.file, framework="pt") as opened:
        assert first.backbone in opened.metadata().values()


def test_what_does_not_go_together_is_said(run, tmp_path):
    with pytest.raises(SettingsError, match=r"must end in \.safetensors"):
        save_weights(run, tmp_path / "weights.bin")
    with pytest.raises(SettingsError, match="has test_efficientnet; leave the flag out"):
        save_weights(run.folder, tmp_path / "weights.safetensors", "resnet50")
    with pytest.raises(SettingsError, match="--backbone is required"):
        save_weights(tmp_path / "some.safetensors", tmp_path / "weights.safetensors")

"""The file that keeps the whitening of a run."""

import pytest
import torch
from safetensors.torch import save_file

from reseen.errors import RunError
from reseen.models.whitening import Whitening
from reseen.runs.whitening_file import read_whitening, write_whitening


@pytest.fixture
def whitening():
    torch.manual_seed(0)
    return Whitening(torch.randn(5), torch.randn(5, 5))


def test_what_is_written_is_read_for_the_same_round_alone(whitening, tmp_path):
    file = tmp_path / "whitening.safetensors"
    assert read_whitening(file, "round 2") is None
    write_whitening(file, whitening, "round 2")
    found = read_whitening(file, "round 2")
    assert torch.equal(found.mean, whitening.mean)
    assert torch.equal(found.matrix, whitening.matrix)
    assert read_whitening(file, "round 3") is None


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        ({"mean": torch.zeros(5), "matrix": torch.eye(5)}, None),
        ({"mean": torch.zeros(5), "matrix": torch.eye(5)}, {"format": "other", "of": "round 2"}),
        ({"mean": torch.zeros(4), "matrix": torch.eye(5)}, {"format": "reseen-whitening-1", "of": "round 2"}),
        (
            {"mean": torch.zeros(5), "matrix": torch.full((5, 5), float("nan"))},
            {"format": "reseen-whitening-1", "of": "round 2"},
        ),
        ({"matrix": torch.eye(5)}, {"format": "reseen-whitening-1", "of": "round 2"}),
    ],
)
def test_a_damaged_file_is_said(tensors, metadata, tmp_path):
    file = tmp_path / "whitening.safetensors"
    save_file(tensors, file, metadata)
    with pytest.raises(RunError, match=r"damaged .*; remove it, and embeddings are not whitened, or resume"):
        read_whitening(file, "round 2")
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(RunError, match="damaged"):
        read_whitening(file, "round 2")

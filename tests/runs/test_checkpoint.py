"""The file of a checkpoint."""

import torch
from safetensors import safe_open

from reseen.runs.checkpoint import save_file


def test_equal_tensors_and_metadata_give_equal_bytes(tmp_path):
    """The library writes metadata in the order of a table that is hashed anew each time."""
    tensors = {
        "b": torch.arange(6.0).reshape(2, 3),
        "a": torch.tensor([1], dtype=torch.int64),
        "é": torch.ones(()),
    }
    metadata = {name: f"{name} 'ü'" for name in ("rounds_done", "format", "checksum", "scored", "more")}
    contents = set()
    for number in range(8):
        order = list(metadata) if number % 2 else list(reversed(metadata))
        save_file(tensors, tmp_path / "file", {name: metadata[name] for name in order})
        contents.add((tmp_path / "file").read_bytes())
    assert len(contents) == 1
    with safe_open(tmp_path / "file", framework="pt") as file:
        assert file.metadata() == metadata
        assert set(file.keys()) == set(tensors)
        assert all(torch.equal(file.get_tensor(name), tensor) for name, tensor in tensors.items())

"""Load the weights of a detection network from a safetensors file."""

from pathlib import Path

import torch
from torch import nn

from reseen.errors import WeightsError
from reseen.models.weights import mismatch


def read_detector_weights(file: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, which holds the `state_dict()` of a detection network.

    Raises:
        WeightsError: the file is missing or is not safetensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = file.expanduser()
    if not file.is_file():
        raise WeightsError(f"{file}: no such weights file of a detector")
    try:
        return load_file(str(file))
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{file}: cannot be read as safetensors ({error}); save the state_dict() of the network with "
            "safetensors.torch.save_file"
        ) from None


def load_detector_weights(
    network: nn.Module, state: dict[str, torch.Tensor], file: Path | None, name: str
) -> None:
    """Load tensors into the network `name`; `file`, if any, is named in the error.

    Raises:
        WeightsError: tensors are missing, unexpected, or have another shape.
    """
    try:
        network.load_state_dict(state)
    except RuntimeError:
        problem = mismatch(state, network.state_dict())
        raise WeightsError(f"{file or name}: the weights do not fit {name}: {problem}") from None

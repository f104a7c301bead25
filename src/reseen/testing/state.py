"""Everything an object holds, as plain values that can be compared."""

from typing import Any

import numpy as np
import torch


def frozen(value: Any, seen: set[int] | None = None) -> Any:
    """A comparable copy of what an object holds, running statistics of networks aside.

    Tensors and arrays become lists, networks their parameters by name, generators their states; an object that was met
    before becomes the word `seen`.
    """
    seen = set() if seen is None else seen
    if isinstance(value, torch.Tensor):
        return ("tensor", tuple(value.shape), value.detach().double().flatten().tolist())
    if isinstance(value, np.ndarray):
        return ("array", value.shape, value.tolist())
    if isinstance(value, torch.nn.Module):
        return {key: frozen(weight) for key, weight in value.named_parameters()}
    if value is None or isinstance(value, int | float | str | bytes):
        return value
    if id(value) in seen:
        return "seen"
    seen.add(id(value))
    if isinstance(value, dict):
        return {str(key): frozen(item, seen) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [frozen(item, seen) for item in value]
    if isinstance(value, torch.Generator):
        return value.get_state().tolist()
    return {key: frozen(item, seen) for key, item in getattr(value, "__dict__", {}).items()}

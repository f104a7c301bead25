"""Selects the device of a run, for training and for evaluation."""

import torch

from reseen.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from reseen.errors import SettingsError
from reseen.runs.recipe import Recipe
from reseen.runs.run import Run


def device_of(recipe: Recipe) -> str:
    """The training device, `cpu` or `cuda`.

    Raises:
        SettingsError: `train.device` is `cuda`, and no GPU is available.
    """
    device = recipe.train.device
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingsError("train.device: no GPU is available; use 'cpu' or 'auto' (see `reseen doctor`)")
    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device


def scoring_device(run: Run, ranks: ProcessGroup = SINGLE_PROCESS) -> torch.device:
    """The kind of device that the run was trained on, or the CPU if that is not available."""
    if run.facts["device"] != "cuda" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", ranks.local_rank) if ranks.size > 1 else torch.device("cuda")

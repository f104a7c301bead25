"""The device of a run: chosen by its recipe for training, and found again for scoring and embedding."""

import torch

from reseen.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from reseen.errors import SettingsError
from reseen.runs.recipe import Recipe
from reseen.runs.run import Run


def device_of(recipe: Recipe) -> str:
    """`cpu` or `cuda`.

    Raises:
        SettingsError: a GPU is asked for and there is none.
    """
    wanted = recipe.train.device
    if wanted == "cuda" and not torch.cuda.is_available():
        raise SettingsError("train.device: no GPU is usable here; use 'cpu' or 'auto' (see `reseen doctor`)")
    return ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted


def scoring_device(run: Run, ranks: ProcessGroup = SINGLE_PROCESS) -> torch.device:
    """The device a run was trained on, where it is at hand, else the CPU."""
    if run.facts["device"] != "cuda" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", ranks.local_rank) if ranks.size > 1 else torch.device("cuda")

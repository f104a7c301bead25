"""Where memories lie: on the training device, or in host memory where they would not fit there beside a step."""

import torch

_SHARE_OF_FREE = 0.5
"""Memories lie on a GPU where all together take at most this share of what is free there; steps need the rest."""


def fit_beside_steps(size: int, device: torch.device) -> tuple[bool, str]:
    """Whether memories of `size` bytes in all go on the device, and a line that says so; none of a CPU.

    Free is what no tensor holds: what PyTorch keeps of earlier steps for later ones counts as free.
    """
    if device.type != "cuda":
        return True, ""
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    free = torch.cuda.mem_get_info(device)[0] + unused
    memories = f"memories of {size / 1e9:.2f} GB"
    if size <= _SHARE_OF_FREE * free:
        return True, f"{memories} lie on the GPU"
    return False, (
        f"{memories} lie in host memory and are fetched in chunks: of the {free / 1e9:.2f} GB free on the GPU half is "
        "for the steps"
    )

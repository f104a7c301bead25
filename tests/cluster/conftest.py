import numpy as np
import pytest
import torch

from reseen.geometry import unit
from reseen.records import Features


@pytest.fixture
def crowd():
    """A function that draws unit features of people and says who is who."""

    def draw(people, images_each, seed=0, noise=0.5, d=48):
        random = torch.Generator().manual_seed(seed)
        centers = torch.randn(people, d, generator=random) / d**0.5
        identities = torch.arange(people).repeat_interleave(images_each)
        spread = noise * torch.randn(len(identities), d, generator=random) / d**0.5
        return Features(unit(centers[identities] + spread)), identities.numpy().astype(np.int64)

    return draw

import numpy as np
import pytest
import torch

from reseen.geometry import unit
from reseen.records import Features, PseudoLabels


@pytest.fixture
def people():
    """A function that draws crops on the sphere around people: (features, labels of the truth)."""

    def draw(people=12, each=10, noise=0.5, dimension=16, seed=0):
        generator = np.random.default_rng(seed)
        centers = generator.normal(size=(people, dimension))
        truth = np.repeat(np.arange(people), each)
        rows = centers[truth] + noise * np.sqrt(dimension) / 4 * generator.normal(
            size=(len(truth), dimension)
        )
        order = generator.permutation(len(truth))
        vectors = unit(torch.from_numpy(rows[order].astype(np.float32)))
        return Features(vectors), PseudoLabels(_numbered(truth[order]))

    return draw


def _numbered(truth):
    from reseen.records import contiguous

    return contiguous(truth).labels

"""Patches to the embedding of their image."""

import torch
from torch.nn.functional import cosine_similarity

from reseen.models.patches import Projection


def test_numbers_are_cosines_of_each_patch_with_the_rows_of_its_own_matrix():
    projection = Projection(patches=3, width=5, dimension=4, learn=False)
    patches = torch.nn.functional.normalize(torch.randn(2, 3, 5), dim=2)
    slow = [
        [
            cosine_similarity(patches[image, patch], row, dim=0)
            for patch in range(3)
            for row in projection.weight[patch]
        ]
        for image in range(2)
    ]
    torch.testing.assert_close(projection(patches), torch.tensor(slow))


def test_it_learns_where_it_is_asked_to():
    assert [Projection(2, 3, 4, learn).weight.requires_grad for learn in (True, False)] == [True, False]

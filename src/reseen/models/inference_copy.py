"""A copy of an encoder for embedding many crops: its batch norms are multiplied into convolutions."""

import copy

import torch

from reseen.models.encoder import Encoder
from reseen.models.fold import fold_batch_norms


@torch.no_grad()
def inference_copy(encoder: Encoder) -> Encoder:
    """The `encoder` with a folded trunk in evaluation mode, for as long as its weights stay.

    Pooling, neck and patches are those of the encoder, in the mode they are in. It is the encoder itself where its
    arithmetic is not fused, or its trunk is compiled or cannot be folded. Embeddings agree with the encoder's up to the
    rounding of its arithmetic; docs/speed.md has the cosines of a pretrained network.
    """
    if not encoder.arithmetic.fused:
        return encoder
    device = next(encoder.parameters()).device
    noise = torch.rand(2, 3, encoder.height, encoder.width, generator=torch.Generator().manual_seed(0))
    folded = fold_batch_norms(encoder.trunk, noise.to(device))
    if folded is None:
        return encoder
    twin = copy.copy(encoder)
    twin._modules = dict(encoder._modules)  # of its own, so that the trunk of the encoder stays
    twin.trunk, twin.front = folded, None
    return twin

"""A copy of an encoder for embedding many crops: its batch norms are multiplied into convolutions."""

import copy

import torch

from reseen.models.arithmetic import Arithmetic
from reseen.models.encoder import Encoder
from reseen.models.fold import fold_batch_norms


@torch.no_grad()
def inference_copy(encoder: Encoder) -> Encoder:
    """The `encoder` with a folded trunk in evaluation mode, for as long as its weights stay.

    Pooling, neck and patches are those of the encoder, in the mode they are in. It is the encoder itself where its
    arithmetic is not fused, or its trunk is compiled or cannot be folded. The copy computes in float32, whatever the
    encoder is trained in: bf16 moves the embeddings of a pretrained MobileNetV2 to a mean cosine of 0.986, folding in
    float32 to none below 0.999999.
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
    twin.trunk, twin.front, twin.arithmetic = folded, None, Arithmetic(fused=True)
    return twin

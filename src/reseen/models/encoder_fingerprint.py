"""The fingerprint of an encoder: equal for encoders that give the same vectors."""

import hashlib

import numpy as np

from reseen.models.encoder import Encoder


def fingerprint(encoder: Encoder) -> str:
    """SHA-256 (hex) of the weights, the input size and normalization, and the part that is embedded."""
    stage = "" if encoder.patch_stage is None else f" {encoder.patch_stage}"
    digest = hashlib.sha256(
        f"{encoder.height} {encoder.width} {encoder.mean} {encoder.std} {encoder.part}{stage}".encode()
    )
    for name, tensor in sorted(encoder.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()

"""Loss functions: embeddings (and memory rows) to a scalar, one loss per file."""

from reseen.losses.cluster_contrast import cluster_contrast, weighted_cross_entropy
from reseen.losses.consistency import consistency, masked_reconstruction
from reseen.losses.global_similarity import GlobalSimilaritySettings, global_similarity
from reseen.losses.image_patches import image_patches
from reseen.losses.inter_camera import inter_camera_contrast
from reseen.losses.patch_discrimination import PatchMemory, patch_discrimination
from reseen.losses.triplet import batch_hard_triplet

__all__ = [
    "GlobalSimilaritySettings",
    "PatchMemory",
    "batch_hard_triplet",
    "cluster_contrast",
    "consistency",
    "global_similarity",
    "image_patches",
    "inter_camera_contrast",
    "masked_reconstruction",
    "patch_discrimination",
    "weighted_cross_entropy",
]

"""Loss functions: embeddings (and memory rows) to a scalar, one loss per file."""

from reseen.losses.cluster_contrast import cluster_contrast, weighted_cross_entropy
from reseen.losses.consistency import consistency, masked_reconstruction
from reseen.losses.extended_samples import extend_samples, extension_step
from reseen.losses.global_similarity import GlobalSimilaritySettings, global_similarity
from reseen.losses.image_patches import image_patches
from reseen.losses.inter_camera import inter_camera_contrast
from reseen.losses.neighbor_softmax import neighbor_contrast
from reseen.losses.patch_discrimination import PatchMemory, patch_discrimination
from reseen.losses.soft_cross_entropy import soft_cross_entropy, spread_targets
from reseen.losses.triplet import batch_hard_triplet

__all__ = [
    "GlobalSimilaritySettings",
    "PatchMemory",
    "batch_hard_triplet",
    "cluster_contrast",
    "consistency",
    "extend_samples",
    "extension_step",
    "global_similarity",
    "image_patches",
    "inter_camera_contrast",
    "masked_reconstruction",
    "neighbor_contrast",
    "patch_discrimination",
    "soft_cross_entropy",
    "spread_targets",
    "weighted_cross_entropy",
]

"""Loss functions: embeddings (and memory rows) to a scalar, one loss per file."""

from reseen.losses.cluster_contrast import cluster_contrast as cluster_contrast
from reseen.losses.cluster_contrast import weighted_cross_entropy as weighted_cross_entropy
from reseen.losses.consistency import consistency as consistency
from reseen.losses.consistency import masked_reconstruction as masked_reconstruction
from reseen.losses.global_similarity import GlobalSimilaritySettings as GlobalSimilaritySettings
from reseen.losses.global_similarity import global_similarity as global_similarity
from reseen.losses.image_patches import image_patches as image_patches
from reseen.losses.inter_camera import inter_camera_contrast as inter_camera_contrast
from reseen.losses.patch_discrimination import PatchMemory as PatchMemory
from reseen.losses.patch_discrimination import patch_discrimination as patch_discrimination
from reseen.losses.triplet import batch_hard_triplet as batch_hard_triplet

"""Vectors (and memory rows) to a number; one loss per file."""

from reseen.losses.cluster_contrast import cluster_contrast as cluster_contrast
from reseen.losses.triplet import batch_hard_triplet as batch_hard_triplet

"""Vectors (and memory rows) to a number; one loss per file."""

from reseen.losses.cluster_contrast import cluster_contrast as cluster_contrast

"""Unit features that cluster as re-ID features do: people of uneven photo counts, cameras and strays."""

from dataclasses import dataclass

import numpy as np
import torch

from reseen.records import Features

_LATENT = 48
"""Directions in which people differ; the rest of the embedding follows them, as in a trained encoder."""


@dataclass(frozen=True)
class Mixture:
    """Features and who they truly are (-1: a stray that belongs to nobody)."""

    features: Features
    identities: np.ndarray


def mixture(
    images: int,
    dimension: int,
    people: int,
    seed: int = 0,
    noise: float = 0.55,
    camera_shift: float = 0.35,
    stray_share: float = 0.02,
) -> Mixture:
    """Draw people as directions, then camera offsets and image noise around them.

    `noise` and `camera_shift` are lengths relative to a person's own vector of length 1.
    """
    draw = np.random.default_rng(seed)
    latent = min(_LATENT, dimension)
    popularity = draw.lognormal(0, 0.5, people)
    identities = draw.choice(people, images, p=popularity / popularity.sum())
    cameras = draw.integers(0, 6, images)
    centers = draw.standard_normal((people, latent)) / np.sqrt(latent)
    shifts = camera_shift * draw.standard_normal((people, 6, latent)) / np.sqrt(latent)
    points = centers[identities] + shifts[identities, cameras]
    points += noise * draw.standard_normal((images, latent)) / np.sqrt(latent)
    strays = draw.random(images) < stray_share
    points[strays] = draw.standard_normal((int(strays.sum()), latent)) / np.sqrt(latent)
    spread = draw.standard_normal((latent, dimension), dtype=np.float32)
    vectors = points.astype(np.float32) @ spread
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Mixture(Features(torch.from_numpy(vectors)), np.where(strays, -1, identities))

"""Mean vectors of cameras, and centering by them when crops are compared: for scoring, searching and embedding.

A camera's light, color and viewpoint move all its vectors the same way. What is subtracted from a vector is the mean of
its camera in the gallery, shrunk towards what training knew of the camera, so that a few crops of a few people do not
pass for their camera. (What is clustered in training is centered by `reseen.cluster.center_cameras`, over one table.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Float64, Int64

PRIOR_SIGHTINGS = 64
"""Pseudo-count of sightings at the prior mean. With 16 crops of a camera and no prior, centering lowered the mAP."""

FEWEST_SIGHTINGS = 128
"""Sightings that a gallery of cameras without a trained mean needs, before its own means are subtracted."""


@dataclass(frozen=True)
class CameraMeans:
    """The mean unit vector of each camera, with what it is the mean of.

    Raises:
        ValueError: lengths do not fit together, a camera is named twice, a number is not finite or a count below 1.

    Example:
        >>> pool = CameraMeans.measure(features.numpy, table.cameras, table.camera_names)
        >>> dict(zip(pool.cameras, pool.sightings))
        {'1': 412, '2': 389}
    """

    cameras: tuple[str | None, ...]
    """Names; None for crops of unknown camera."""
    means: Float64[np.ndarray, "m d"]
    """Means of unit vectors, of length 0 to 1."""
    crops: Int64[np.ndarray, " m"]
    """Numbers of crops."""
    sightings: Int64[np.ndarray, " m"]
    """Numbers of tracklets, and of crops of none: crops of one tracklet show one person, and count once."""

    def __post_init__(self) -> None:
        if self.means.ndim != 2 or not len(self.cameras) == len(self.means) == len(self.crops) == len(
            self.sightings
        ):
            raise ValueError(f"{len(self.cameras)} cameras need as many means and counts")
        if len(set(self.cameras)) < len(self.cameras):
            raise ValueError("a camera is named twice")
        if not bool(np.isfinite(self.means).all()) or bool((np.square(self.means).sum(axis=1) > 1.01).any()):
            raise ValueError("means of unit vectors are finite, and no longer than 1")
        if bool((self.sightings < 1).any()) or bool((self.crops < self.sightings).any()):
            raise ValueError("every camera needs crops, and no more sightings than these")

    @classmethod
    def measure(
        cls,
        vectors: Float32[np.ndarray, "n d"],
        cameras: Int64[np.ndarray, " n"],
        names: Sequence[str],
        tracklets: Int64[np.ndarray, " n"] | None = None,
    ) -> "CameraMeans":
        """The means of unit vectors; `cameras` index `names`, -1 where unknown, as does `tracklets`."""
        found, index = np.unique(cameras, return_inverse=True)
        crops = np.bincount(index, minlength=len(found)).astype(np.int64)
        sums = np.zeros((len(found), vectors.shape[1]))
        np.add.at(sums, index, vectors.astype(np.float64))
        sightings = crops.copy()
        if tracklets is not None:
            inside = tracklets >= 0
            pairs = np.unique(np.stack([index[inside], tracklets[inside]]), axis=1)
            lone = np.bincount(index[~inside], minlength=len(found))
            sightings = (lone + np.bincount(pairs[0], minlength=len(found))).astype(np.int64)
        known = tuple(None if camera < 0 else names[camera] for camera in found.tolist())
        return cls(known, sums / np.maximum(crops, 1)[:, None], crops, sightings)

    @property
    def dimension(self) -> int:
        """Numbers of a vector."""
        return self.means.shape[1]

    @property
    def known(self) -> tuple[str, ...]:
        """The names of the known cameras."""
        return tuple(camera for camera in self.cameras if camera is not None)

    @cached_property
    def overall(self) -> Float64[np.ndarray, " d"]:
        """The mean of all sightings; zero where there is none."""
        return (self.means * self.sightings[:, None]).sum(axis=0) / max(int(self.sightings.sum()), 1)

    def shrunk(self, towards: "CameraCenters | None", prior: float) -> "CameraCenters":
        """Each camera's mean, with `prior` sightings at what `towards` has, or at the mean of all where it is None."""
        total = int(self.sightings.sum())
        other = (
            self.overall
            if towards is None
            else (self.overall * total + prior * towards.other) / (total + prior)
        )
        centers = {} if towards is None else dict(towards.by_camera)
        for camera, mean, count in zip(self.cameras, self.means, self.sightings.tolist(), strict=True):
            if camera is not None:
                centers[camera] = (count * mean + prior * centers.get(camera, other)) / (count + prior)
        return CameraCenters(centers, other)


@dataclass(frozen=True)
class CameraCenters:
    """What is subtracted from vectors, by camera."""

    by_camera: Mapping[str, Float64[np.ndarray, " d"]]
    other: Float64[np.ndarray, " d"]
    """What is subtracted where the camera is unknown, or not among these."""

    def center(
        self, vectors: Float32[np.ndarray, "n d"], cameras: Sequence[str | None]
    ) -> Float32[np.ndarray, "n d"]:
        """Unit vectors less the center of their camera, at unit length; one that equals its center is left unchanged.

        `cameras` are the names of the rows' cameras, None where unknown.
        """
        result = vectors.astype(np.float32, copy=True)
        rows_of: dict[str | None, list[int]] = {}
        for row, camera in enumerate(cameras):
            rows_of.setdefault(camera, []).append(row)
        for camera, rows in rows_of.items():
            center = self.other if camera is None else self.by_camera.get(camera, self.other)
            moved = vectors[rows].astype(np.float64) - center
            lengths = np.linalg.norm(moved, axis=1, keepdims=True)
            moved = np.where(lengths < 1e-6, vectors[rows], moved / np.maximum(lengths, 1e-6))
            result[rows] = moved
        return result


def camera_centers(
    gallery: CameraMeans, pool: CameraMeans | None = None, prior: float = PRIOR_SIGHTINGS
) -> CameraCenters | str:
    """What to subtract from the vectors of a gallery and its queries, or a sentence on why nothing should be.

    Each camera's mean in the gallery is shrunk, with a weight of `prior` sightings, towards that of the training
    `pool`, itself shrunk towards the mean of the pool; a camera that the pool lacks, or every camera without a pool,
    towards the mean of all. Queries take the centers of the gallery, since a query alone has no mean.

    Without a camera that the pool knows, the gallery alone must tell cameras from people: it needs two cameras and 128
    sightings.

    Example:
        >>> centers = camera_centers(CameraMeans.measure(vectors, cameras, names), pool)
        >>> if not isinstance(centers, str):
        ...     vectors = centers.center(vectors, [names[camera] for camera in cameras])
    """
    if not gallery.known:
        return "no camera of the gallery is known"
    if pool is not None and pool.dimension == gallery.dimension and set(pool.known) & set(gallery.known):
        return gallery.shrunk(pool.shrunk(None, prior), prior)
    sightings, cameras = int(gallery.sightings.sum()), len(gallery.known)
    if cameras < 2 or sightings < FEWEST_SIGHTINGS:
        return (
            f"{sightings:,} sightings under {cameras} {'camera' if cameras == 1 else 'cameras'} that training did not "
            f"see are too few to tell cameras from people; it takes 2 cameras and {FEWEST_SIGHTINGS} sightings"
        )
    return gallery.shrunk(None, prior)

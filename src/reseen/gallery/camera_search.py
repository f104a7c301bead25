"""Search with the mean of its camera subtracted from every vector; the gallery keeps plain vectors, and its means."""

import json
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from reseen.camera_means import CameraCenters, CameraMeans, camera_centers
from reseen.errors import GalleryError, RunError, SettingsError, StorageError
from reseen.gallery.entries import Hit
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.side_files import CAMERA_MEANS, side_file
from reseen.gallery.store import Store, unit_query
from reseen.runs.camera_file import read_camera_means, write_camera_means

_SHORTLIST = 500
"""Number of nearest entries, at least, that are compared with their cameras centered."""


@dataclass(frozen=True)
class CameraSearch:
    """Searches a store with cameras centered; see `reseen.camera_means.camera_centers` for what is subtracted.

    Example:
        >>> CameraSearch(gallery.store, gallery.address, camera_means_of(gallery.run)).search(vector, "c2", top=20)
    """

    store: Store
    address: str
    """Address of the gallery, where its means are kept."""
    pool: CameraMeans | None
    """Means of the cameras that the gallery's run learned from."""

    def search(
        self,
        vector: Float32[np.ndarray, " d"],
        camera: str | None,
        top: int,
        where: Filter = EVERYTHING,
    ) -> list[Hit]:
        """The `top` entries that are most similar with cameras centered, best first; similarities are plain cosines.

        The nearest 500 entries or four times `top`, whichever is more, are compared; `camera` is that of the query,
        None where unknown.

        Raises:
            GalleryError: cameras cannot be centered in this gallery, as the message says, or the vector is zero, not
                finite or of another dimension, or `top` is below 1.
            SettingsError: neither the gallery nor its run knows the camera.
        """
        direction = unit_query(vector, top, self.store.describe().model.dimension).astype(np.float32)
        means = self.means()
        centers = "it is empty" if means is None else camera_centers(means, self.pool)
        if isinstance(centers, str):
            raise GalleryError(f"{self.address}: cameras cannot be centered: {centers}; search without")
        if camera is not None and camera not in centers.by_camera:
            raise SettingsError(
                f"camera {camera}: not in this gallery nor in its run, which know "
                f"{', '.join(sorted(centers.by_camera))}; leave it out where it is another"
            )
        moved = centers.center(direction[None], [camera])[0]
        shortlist = self.store.search(moved, max(_SHORTLIST, 4 * top), where)
        return self._ordered(shortlist, direction, moved, centers)[:top]

    def means(self) -> CameraMeans | None:
        """The means of the gallery's cameras; None where it is empty.

        They are read from beside the gallery where it still has as many crops of every camera, and else measured by
        reading all vectors once.
        """
        description = self.store.describe()
        if not description.count:
            return None
        of = json.dumps(sorted((name or "", count) for name, count in description.cameras.items()))
        if description.model.mirrored:
            of = f"{of} mirrored"
        file = side_file(self.address, CAMERA_MEANS)
        with suppress(RunError):  # a damaged file is made again
            if (kept := read_camera_means(file, of)) is not None:
                return kept
        means = measure_cameras(self.store)
        with suppress(StorageError):  # a gallery that is read-only is measured every time
            write_camera_means(file, means, of)
        return means

    def _ordered(
        self,
        hits: list[Hit],
        direction: Float32[np.ndarray, " d"],
        moved: Float32[np.ndarray, " d"],
        centers: CameraCenters,
    ) -> list[Hit]:
        if not hits:
            return []
        rows: dict[str, np.ndarray] = {}
        for batch in self.store.scan(Filter(keys=tuple(hit.entry.key for hit in hits))):
            rows.update({entry.key: row for entry, row in zip(batch.entries, batch.vectors, strict=True)})
        vectors = np.stack([rows[hit.entry.key] for hit in hits]).astype(np.float32)
        centered = centers.center(vectors, [hit.entry.camera for hit in hits]) @ moved
        plain = vectors @ direction
        order = np.argsort(-centered, kind="stable")
        return [Hit(hits[place].entry, float(plain[place])) for place in order]


def measure_cameras(store: Store) -> CameraMeans:
    """The means of a store's cameras, from all of its vectors; crops of one tracklet of a source are one sighting."""
    sums: dict[str | None, np.ndarray] = {}
    crops: dict[str | None, int] = {}
    sightings: dict[str | None, set[object]] = {}
    for batch in store.scan():
        for entry, row in zip(batch.entries, batch.vectors.astype(np.float64), strict=True):
            camera = entry.camera
            sums[camera] = sums.get(camera, np.zeros(len(row))) + row
            crops[camera] = crops.get(camera, 0) + 1
            sightings.setdefault(camera, set()).add(entry.group)
    cameras = tuple(sorted(sums, key=lambda name: (name is None, name or "")))
    return CameraMeans(
        cameras,
        np.stack([sums[camera] / crops[camera] for camera in cameras]),
        np.array([crops[camera] for camera in cameras], dtype=np.int64),
        np.array([len(sightings[camera]) for camera in cameras], dtype=np.int64),
    )

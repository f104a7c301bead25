"""Galleries: a store of embeddings with the model that produced them and its calibration."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Float32

from reseen.audit import Calibration
from reseen.errors import GalleryError, ReseenError, SettingsError
from reseen.export.fingerprint import ModelIdentity, identify
from reseen.features.extract import embed_image
from reseen.gallery.camera_search import CameraSearch
from reseen.gallery.entries import Entry, Hit
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.in_use import refuse_if_in_use
from reseen.gallery.people.open_people import open_people
from reseen.gallery.people.people import People
from reseen.gallery.query_image import read_query_image
from reseen.gallery.removal import RemovalResult, finish_removals
from reseen.gallery.rerank_hits import SHORTLIST, rerank_hits
from reseen.gallery.side_files import (
    describe_calibration,
    first_trusted,
    read_audit_calibration,
    read_gallery_calibration,
    write_gallery_calibration,
)
from reseen.gallery.store import Store, open_store
from reseen.gallery.stores.checks import refuse_other_model, refuse_other_views
from reseen.models import Encoder
from reseen.runs.camera_file import camera_means_of
from reseen.runs.run import Run, open_run


@dataclass(frozen=True)
class Match:
    """One match of a search."""

    entry: Entry
    similarity: float
    """Cosine similarity with the query, -1 to 1."""
    probability: float | None
    """Calibrated probability, 0 to 1, that entry and query show the same person; None without a calibration of medium
    or high trust, and below the similarities that it covers."""
    frames: int = 1
    """Number of found crops of this tracklet if tracklets are grouped, else 1."""


class Gallery:
    """A gallery of embedded crops: search, and access to store, model and calibration. `open_gallery` makes one.

    Use it in a `with` block, or call `close`.

    Example:
        >>> with reseen.open_gallery("gallery") as gallery:
        ...     matches = gallery.search(gallery.embed("person.jpg"), top=10)
        >>> matches[0].entry.image
        'bounding_box_train/0002_c1s1_000451_03.jpg'
    """

    def __init__(self, store: Store, run: Run | None = None, encoder: Encoder | None = None) -> None:
        """Wrap a store; run and encoder are opened on first use if not given."""
        self.store = store
        description = store.describe()
        self.model: ModelIdentity = description.model
        """The model that produced the vectors."""
        self.address = description.address
        """Address of the store, without a password."""
        self._preloaded = run, encoder
        self.finished: list[RemovalResult] = []
        """Interrupted deletions that were finished when the gallery was opened."""
        self.unfinished = ""
        """Why a deletion could not be verified, though its entries are gone; empty if there is none."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages for the user about interrupted deletions: those finished, and one not verified yet."""
        counts = (len(removed.removal.keys) for removed in self.finished)
        messages = tuple(
            f"Finished an interrupted deletion of {count:,} {'crop' if count == 1 else 'crops'}"
            for count in counts
        )
        return (*messages, self.unfinished) if self.unfinished else messages

    @cached_property
    def _loaded(self) -> tuple[Run, Encoder]:
        run, encoder = self._preloaded
        if run is not None:
            return run, encoder or run.encoder()
        try:
            run = open_run(self.model.run)
        except ReseenError as error:
            raise GalleryError(
                f"the run of this gallery cannot be opened ({error}); if it has moved, give its folder with --run"
            ) from None
        encoder = run.encoder()
        refuse_other_model(self.address, self.model, identify(run, encoder))
        return run, encoder

    @property
    def run(self) -> Run:
        """The run that trained the model.

        Raises:
            GalleryError: the run has moved, or was trained further since the gallery was created.
        """
        return self._loaded[0]

    @property
    def encoder(self) -> Encoder:
        """The model itself; raises the same errors as `run`."""
        return self._loaded[1]

    @cached_property
    def _calibration(self) -> tuple[Calibration | None, str]:
        return first_trusted(
            lambda: read_gallery_calibration(self.address, self.model.vector_identity),
            lambda: read_audit_calibration(self.model, self.run),
        )

    @property
    def calibration(self) -> Calibration | None:
        """The calibration of medium or high trust, from answers in the viewer or else the audit; None without one."""
        return self._calibration[0]

    def recalibrate(self, calibration: Calibration | None) -> None:
        """Keep a calibration from answers on crops of this gallery for later searches, or with None forget it.

        Raises:
            StorageError: the file beside the gallery cannot be written.
        """
        write_gallery_calibration(self.address, self.model.vector_identity, calibration)
        self.__dict__.pop("_calibration", None)

    @cached_property
    def people(self) -> People:
        """The people, whose names survive re-clustering; raises `GalleryError` if their journal is damaged."""
        return open_people(self.store, self.address, self.recalibrate)

    @property
    def why_uncalibrated(self) -> str:
        """Why there are no probabilities; empty if there are."""
        return self._calibration[1]

    @property
    def calibration_text(self) -> str:
        """A sentence on how probabilities were calibrated; empty if there are none."""
        return "" if self.calibration is None else describe_calibration(self.calibration)

    def embed(self, image: str | Path | bytes) -> Float32[np.ndarray, " d"]:
        """Embed one image of a person as a unit vector, as the gallery's crops are: with its mirror image or without.

        Args:
            image: path of an image file, or its encoded bytes.

        Raises:
            DataError: the image is unusable or too large.
            GalleryError: the run of the model is missing or was trained further.
        """
        white_level = self.run.recipe.data.white_level
        pixels = read_query_image(image, self.model.height, self.model.width, white_level)
        return embed_image(self.encoder, pixels, mirrored=self.model.mirrored)

    def search(
        self,
        vector: Float32[np.ndarray, " d"],
        top: int = 20,
        where: Filter = EVERYTHING,
        *,
        group_tracklets: bool = False,
        rerank: bool = False,
        center_cameras: bool = False,
        camera: str | None = None,
    ) -> list[Match]:
        """Find the entries most similar to a vector, best first.

        Args:
            vector: query embedding, such as from `embed`.
            top: maximum number of matches, at least 1.
            where: conditions on the entries.
            group_tracklets: return only the best crop of each tracklet.
            rerank: re-rank the first hundred hits by k-reciprocal distance (Zhong et al. 2017, section 3) among
                themselves; similarities remain cosines.
            center_cameras: order by similarity with the mean of its camera subtracted from every vector; similarities
                remain plain cosines, which probabilities belong to.
            camera: camera of the query, where cameras are centered; None where unknown.

        Raises:
            GalleryError: the vector is zero, not finite or of another dimension, `top` is below 1, or cameras are to be
                centered and cannot be.
            SettingsError: options exclude each other, or the camera is unknown to gallery and run.
        """
        if camera is not None and not center_cameras:
            raise SettingsError("the camera of the query has no effect unless cameras are centered")
        if rerank and center_cameras:
            raise SettingsError("re-ranking and centered cameras each order the results; choose one")
        search = self._center_cameras(camera) if center_cameras else self.store.search
        limit = max(top, SHORTLIST) if rerank else top
        hits = search(vector, limit, where)
        if group_tracklets:
            while len(hits) == limit and len(_group_sizes(hits)) < top:
                limit *= 4
                hits = search(vector, limit, where)
        if rerank:
            hits = rerank_hits(self.store, vector, hits)
        sizes = _group_sizes(hits)
        if group_tracklets:
            seen: set[object] = set()
            hits = [hit for hit in hits if not (hit.entry.group in seen or seen.add(hit.entry.group))]
        return [
            Match(
                hit.entry,
                hit.similarity,
                self._probability(hit.similarity),
                sizes[hit.entry.group] if group_tracklets else 1,
            )
            for hit in hits[:top]
        ]

    def _center_cameras(self, camera: str | None) -> Callable[[np.ndarray, int, Filter], list[Hit]]:
        """A search with cameras centered, for queries of a camera."""
        if not self.run.recipe.cameras:
            raise GalleryError(
                f"{self.address}: cameras cannot be centered: its run was trained with cameras switched off"
            )
        centered = CameraSearch(self.store, self.address, camera_means_of(self.run))
        return lambda vector, limit, where: centered.search(vector, camera, limit, where)

    def _probability(self, similarity: float) -> float | None:
        if self.calibration is None:
            return None
        probability = float(self.calibration.probability(np.array(similarity)))
        return None if np.isnan(probability) else probability

    def close(self) -> None:
        """Close the store; a second call does nothing."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_gallery(
    address: str | Path,
    run: Run | str | Path | None = None,
    *,
    create: bool = False,
    mirrored: bool | None = None,
) -> Gallery:
    """Open or create a gallery; deletions that a crash interrupted are finished.

    Args:
        address: a folder, `qdrant://...` or `postgresql://...`; see `open_store`.
        run: a run or its folder, whose model must be that of the gallery; by default the gallery's own run, opened on
            first use.
        create: create an empty gallery if there is none; requires `run`.
        mirrored: whether vectors are means of a crop and its mirror image; by default as the gallery has them, and not
            in one that is created.

    Raises:
        GalleryError: the gallery does not exist, is damaged, in use, of another model or not as `mirrored` says, or a
            deletion cannot finish.
        RunError: `run` is no run folder.

    Example:
        >>> with reseen.open_gallery("gallery", run="runs/market") as gallery:
        ...     gallery.store.describe().count
        12936
    """
    refuse_if_in_use(address)  # before a model is loaded
    opened = None if run is None else run if isinstance(run, Run) else open_run(run)
    encoder = None if opened is None else opened.encoder()
    model = None if opened is None or encoder is None else identify(opened, encoder, bool(mirrored))
    store = open_store(str(address), model, create)
    try:
        gallery = Gallery(store, opened, encoder)
        refuse_other_views(gallery.address, gallery.model, mirrored)
        gallery.finished, gallery.unfinished = finish_removals(store, gallery.address)
    except BaseException:
        store.close()
        raise
    return gallery


def _group_sizes(hits: list[Hit]) -> dict[object, int]:
    counts: dict[object, int] = {}
    for hit in hits:
        counts[hit.entry.group] = counts.get(hit.entry.group, 0) + 1
    return counts

"""A gallery: a store, the model that filled it, and what the model's similarities mean.

The first answers of a search, ranked anew by the neighbors that they share.

From the address of a gallery to its store.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from reseen.audit import Calibration
from reseen.data.decode import UnreadableError, decode, fit, quiet_pillow, read_bytes
from reseen.data.image_source import ImageSource
from reseen.errors import DataError, GalleryError, ReseenError
from reseen.export.fingerprint import ModelIdentity, identify
from reseen.features.extract import embed_image
from reseen.gallery.closing import Closing
from reseen.gallery.entries import Entry, Hit
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.in_use import refuse_if_in_use
from reseen.gallery.removal import Removed, finish
from reseen.gallery.store import Store
from reseen.gallery.stores.checks import refuse_other_model
from reseen.models import Encoder
from reseen.neighbors.rerank import Reranked, RerankSettings
from reseen.records import Features
from reseen.runs.run import Run, open_run
from reseen.tasks.audit.select_run import read_calibration


def reranked(store: Store, vector: Float32[np.ndarray, " d"], hits: list[Hit], count: int) -> list[Hit]:
    """The first `count` hits in the order of their k-reciprocal distance to the query, the others behind them.

    Similarities stay those of the vectors. Reference: Zhong et al. 2017, section 3, among these hits alone.
    """
    head, tail = hits[:count], hits[count:]
    if len(head) < 3:
        return hits
    vectors: dict[str, np.ndarray] = {}
    for part in store.scan(Filter(keys=tuple(hit.entry.key for hit in head))):
        vectors.update({entry.key: row for entry, row in zip(part.entries, part.vectors, strict=True)})
    gallery = Features(torch.from_numpy(np.stack([vectors[hit.entry.key] for hit in head])))
    query = Features(torch.from_numpy(vector.astype(np.float32)[None] / np.linalg.norm(vector)))
    k1 = min(20, len(head) - 1)
    settings = RerankSettings(k1=k1, k2=min(6, k1))
    similarity = torch.empty(1, len(head))
    Reranked(query, gallery, settings).fill(0, 1, similarity)
    order = np.argsort(-similarity[0].numpy(), kind="stable")
    return [head[place] for place in order] + tail


def open_store(address: str, model: ModelIdentity | None = None, create: bool = False) -> Store:
    """The store at `address`.

    | address | store |
    |---|---|
    | a folder | Qdrant Edge, embedded; nothing to start |
    | `qdrant://host:6333/name` | a Qdrant server or cluster; `qdrant+https://:KEY@host:6333/name` with a key |
    | `postgresql://user:password@host:5432/database?table=reseen` | PostgreSQL with pgvector |
    | `memory:` | arrays, gone with the process |

    With `model`, vectors of another model are refused. With `create`, an empty store is made for `model` where there
    is none.

    Raises:
        GalleryError: there is no gallery, it is damaged or locked, or another model made it.
        StorageError: the disk is full or the place cannot be written.
    """
    if create and model is None:
        raise GalleryError("a new gallery needs the model whose vectors it will hold; give a run")
    if address == "memory:":
        from reseen.gallery.stores.memory import MemoryStore

        if model is None or not create:
            raise GalleryError("memory: is always a new gallery; index crops into it")
        return MemoryStore(model)
    scheme, separator, _ = address.partition("://")
    if not separator:
        from reseen.gallery.stores.edge import EdgeStore

        return EdgeStore(Path(address).expanduser(), model, create)
    if scheme in ("qdrant", "qdrant+https"):
        from reseen.gallery.stores.qdrant_server import connect

        return connect(address, model, create)
    if scheme in ("postgresql", "postgres"):
        from reseen.gallery.stores.postgresql import PostgresqlStore

        return PostgresqlStore(address, model, create)
    raise GalleryError(
        f"{scheme}://...: no gallery can be kept there; give a folder, qdrant://host:6333/name or "
        "postgresql://user:password@host:5432/database"
    )


_SHORTLIST = 100
"""Entries that are ranked anew."""


@dataclass(frozen=True)
class Match:
    """One answer of a search."""

    entry: Entry
    similarity: float
    """Cosine with the query, -1 to 1."""
    probability: float | None
    """That entry and query show one person, 0 to 1, by the audit of the run; None without one."""
    frames: int = 1
    """Crops of this tracklet among those found, where tracklets are grouped."""


class Gallery(Closing):
    """What can be searched, looked at and forgotten. Close it, or use it in a `with` block."""

    def __init__(self, store: Store, run: Run | None = None, encoder: Encoder | None = None) -> None:
        """Take a store, and its model where that is at hand; else it is looked for when it is needed."""
        self.store = store
        described = store.describe()
        self.model: ModelIdentity = described.model
        """The model that made the vectors."""
        self.address = described.address
        """Filter it is kept, without a password."""
        self._given = run, encoder
        self.finished: list[Removed] = []
        """Forgettings that a crash had interrupted and that were finished when this was opened."""
        self.unfinished = ""
        """Why a forgetting is not verified yet, though its entries are gone; empty where none is open."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know: forgettings that were finished, and one that is not verified yet."""
        counts = (len(removed.removal.keys) for removed in self.finished)
        done = tuple(
            f"Finished an interrupted forgetting of {count:,} {'crop' if count == 1 else 'crops'}"
            for count in counts
        )
        return (*done, self.unfinished) if self.unfinished else done

    @cached_property
    def _found(self) -> tuple[Run, Encoder]:
        run, encoder = self._given
        if run is not None:
            return run, encoder or run.encoder()
        try:
            run = open_run(self.model.run)
        except ReseenError as error:
            raise GalleryError(
                f"the run that made this gallery is not where it was ({error}); say where it is now with --run"
            ) from None
        encoder = run.encoder()
        refuse_other_model(self.address, self.model, identify(run, encoder))
        return run, encoder

    @property
    def run(self) -> Run:
        """The run of the model.

        Raises:
            GalleryError: it is not where it was when the gallery was made, or has been trained on since.
        """
        return self._found[0]

    @property
    def encoder(self) -> Encoder:
        """The model itself; raises as `run`."""
        return self._found[1]

    @cached_property
    def _calibrated(self) -> tuple[Calibration | None, str]:
        try:
            return read_calibration(self.run), ""
        except (GalleryError, DataError) as error:
            return None, f"no probabilities: {error}"

    @property
    def calibration(self) -> Calibration | None:
        """From similarity to probability, where the run was audited."""
        return self._calibrated[0]

    @property
    def why_uncalibrated(self) -> str:
        """Why there are no probabilities; empty where there are."""
        return self._calibrated[1]

    @property
    def calibration_text(self) -> str:
        """What the probabilities are, in a sentence; empty where there are none."""
        found = self.calibration
        if found is None:
            return ""
        return (
            f"same person: by the audit of the run, of pairs {found.among}; trust {found.trust} ({found.reason}); "
            f"from a similarity of {found.threshold:.2f} on they are taken for one person"
        )

    def embed(self, image: str | Path | bytes) -> Float32[np.ndarray, " d"]:
        """The unit vector of an image file, or of the bytes of one.

        Raises:
            DataError: it is no usable image, or too large.
            GalleryError: the model's run is gone.
        """
        name = "the image" if isinstance(image, bytes) else str(image)
        try:
            with quiet_pillow():
                content = (
                    image if isinstance(image, bytes) else read_bytes(ImageSource(Path(image).expanduser()))
                )
                pixels = fit(
                    decode(content, self.run.recipe.data.white_level), self.model.height, self.model.width
                )
        except UnreadableError as error:
            raise DataError(f"{name}: {error}; give an image of one person") from None
        return embed_image(self.encoder, pixels)

    def search(
        self,
        vector: Float32[np.ndarray, " d"],
        top: int = 20,
        where: Filter = EVERYTHING,
        *,
        group_tracklets: bool = False,
        rerank: bool = False,
    ) -> list[Match]:
        """The entries most like a vector, the likeliest first.

        Args:
            vector: of length 1, such as `embed` makes.
            top: how many.
            where: conditions that entries must fulfil.
            group_tracklets: the best crop of each tracklet alone.
            rerank: rank the first hundred anew by k-reciprocal neighbors among them.

        Raises:
            GalleryError: a vector of another dimension, not finite, or zero.
        """
        wanted = max(top, _SHORTLIST) if rerank else top
        hits = self.store.search(vector, wanted, where)
        if group_tracklets:
            while len(hits) == wanted and len(_groups(hits)) < top:
                wanted *= 4
                hits = self.store.search(vector, wanted, where)
        if rerank:
            hits = reranked(self.store, vector, hits, _SHORTLIST)
        frames = _groups(hits)
        if group_tracklets:
            seen: set[object] = set()
            hits = [hit for hit in hits if not (_group(hit) in seen or seen.add(_group(hit)))]
        return [
            Match(
                hit.entry,
                hit.similarity,
                self._probability(hit.similarity),
                frames[_group(hit)] if group_tracklets else 1,
            )
            for hit in hits[:top]
        ]

    def _probability(self, similarity: float) -> float | None:
        return None if self.calibration is None else float(self.calibration.probability(np.array(similarity)))

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()


def open_gallery(
    address: str | Path, run: Run | str | Path | None = None, *, create: bool = False
) -> Gallery:
    """Open the gallery at an address: a folder, `qdrant://...` or `postgresql://...`.

    With `run`, the gallery must hold vectors of that run's model. With `create`, which needs one, an empty gallery is
    made where there is none. Forgettings that a crash interrupted are finished.

    Raises:
        GalleryError: there is no gallery, it is damaged or in use, or another model made it; entries that are to be
            forgotten cannot be removed.
        RunError: `run` is no run folder.
    """
    refuse_if_in_use(address)  # before a model is loaded
    opened = None if run is None else run if isinstance(run, Run) else open_run(run)
    encoder = None if opened is None else opened.encoder()
    model = None if opened is None or encoder is None else identify(opened, encoder)
    store = open_store(str(address), model, create)
    try:
        gallery = Gallery(store, opened, encoder)
        gallery.finished, gallery.unfinished = finish(store, gallery.address)
    except BaseException:
        store.close()
        raise
    return gallery


def _group(hit: Hit) -> object:
    entry = hit.entry
    return entry.key if entry.tracklet is None else (entry.source, entry.tracklet)


def _groups(hits: list[Hit]) -> dict[object, int]:
    counts: dict[object, int] = {}
    for hit in hits:
        counts[_group(hit)] = counts.get(_group(hit), 0) + 1
    return counts

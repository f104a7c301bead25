"""Update the people of a gallery by its address, as `reseen people update` and `reseen index` do."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from reseen.errors import GalleryError
from reseen.gallery.gallery import Gallery, open_gallery
from reseen.gallery.people.adopt import Adopted, adopt_people
from reseen.gallery.people.assign import Thresholds
from reseen.gallery.people.camera_graph import CameraGraph
from reseen.gallery.people.update import PeopleUpdate
from reseen.runs.run import Run


@dataclass(frozen=True)
class AssignmentSettings:
    """How new crops are assigned to people."""

    same_from: float | None = None
    """Cosine similarity from which crops are of the most similar person; the calibrated one if neither is given."""
    new_below: float | None = None
    """Cosine similarity below which crops are of somebody new."""
    camera_graph: str | Path | None = None
    """File of neighboring cameras and travel times; None allows everybody everywhere."""


def assign_people(
    gallery: Gallery, settings: AssignmentSettings | None = None, *, dry_run: bool = False
) -> PeopleUpdate:
    """Match the people of a gallery with its clusters, and assign crops of nobody.

    Args:
        gallery: an open gallery.
        settings: the defaults of `AssignmentSettings` when None.
        dry_run: change nothing.

    Raises:
        GalleryError: the journal is damaged, or the gallery is too large for memory.
        SettingsError: a threshold is no cosine, they overlap, or the camera graph is invalid or names unknown cameras.
        StorageError: the journal cannot be written.

    Example:
        >>> with reseen.open_gallery("gallery") as gallery:
        ...     assign_people(gallery, AssignmentSettings(same_from=0.7)).counts()
        {'joined': 12, 'asked': 3}
    """
    settings = settings or AssignmentSettings()
    given = settings.same_from is not None or settings.new_below is not None
    thresholds = Thresholds.choose(
        None if given else gallery.calibration,
        "" if given else gallery.why_uncalibrated,
        same_from=settings.same_from,
        new_below=settings.new_below,
    )
    graph = None
    if settings.camera_graph is not None:
        graph = CameraGraph.read(settings.camera_graph, gallery.store.describe().cameras)
    return gallery.people.update(thresholds, graph, dry_run=dry_run)


def update_people(
    address: str | Path,
    settings: AssignmentSettings | None = None,
    *,
    run: Run | str | Path | None = None,
    dry_run: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> PeopleUpdate:
    """Match the people of a gallery with its clusters, and assign crops of nobody, as `assign_people` does.

    Args:
        address: a folder, `qdrant://...` or `postgresql://...`.
        settings: the defaults of `AssignmentSettings` when None.
        run: the model's run, if it was moved since indexing.
        dry_run: change nothing.
        say: called with messages on interrupted deletions and on the journal.

    Raises:
        GalleryError: the gallery does not exist, is damaged or in use.
        SettingsError: as in `assign_people`.
        StorageError: the journal cannot be written.

    Example:
        >>> reseen.update_people("gallery").counts()
        {'new': 312}
    """
    with open_gallery(address, run) as gallery:
        for note in (*gallery.notes, *gallery.people.notes):
            say(note)
        return assign_people(gallery, settings, dry_run=dry_run)


def adopt_from(
    address: str | Path, other: str | Path, say: Callable[[str], None] = lambda _: None
) -> Adopted:
    """Take over the people of another gallery of the same crops, such as one of the model before training anew.

    Args:
        address: the gallery without people.
        other: the gallery with them; it is not changed.
        say: called with messages on interrupted deletions and on the journals.

    Raises:
        GalleryError: a gallery does not exist, is damaged or in use, has people already, or shares no crop.
        StorageError: the journal cannot be written.

    Example:
        >>> reseen.adopt_from("galleries/new", "galleries/old").people
        312
    """
    if str(address) == str(other):
        raise GalleryError(f"{other}: give two galleries, the new one and then the one with people")
    with open_gallery(address) as gallery, open_gallery(other) as old:
        for note in (*gallery.notes, *gallery.people.notes, *old.people.notes):
            say(note)
        adopted = adopt_people(gallery.people, old.people)
        if not adopted.answers:
            return adopted
        return replace(adopted, calibration=gallery.calibration_text or gallery.why_uncalibrated)

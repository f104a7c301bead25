"""Delete crops from a gallery by its address, as `reseen forget` does: selection, dry run or deletion, review page."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reseen.gallery.file_list import write_file_list
from reseen.gallery.filter import parse_filter
from reseen.gallery.forget import ForgetResult, forget, removed_entries
from reseen.gallery.forget_page import write_forget_page
from reseen.gallery.gallery import Gallery, open_gallery
from reseen.gallery.selection import ROUNDS, Selection, select_entries
from reseen.gallery.thumbnail import read_thumbnails
from reseen.runs.run import Run


@dataclass(frozen=True)
class ForgetSettings:
    """Which crops to delete: by exactly one of images, clusters, like and people, or by cameras and times alone."""

    images: Sequence[str] = ()
    """Paths of crops, as shown by a search."""
    clusters: Sequence[int] = ()
    """Cluster numbers."""
    like: Sequence[str | Path] = ()
    """Image files of one person; crops whose similarity to one of them reaches the threshold."""
    threshold: float | None = None
    """With `like`, a cosine similarity from -1 to 1; the calibrated one at medium or high trust when None."""
    rounds: int | None = ROUNDS
    """With `like`, how often to search again with the crops found; None until no new crop is found."""
    kept: Sequence[str] = ()
    """With `like`, paths of other people's crops."""
    people: Sequence[str] = ()
    """People of the gallery by number or name."""
    cameras: Sequence[str] = ()
    """Only these cameras; all if empty."""
    after: float | str | datetime | None = None
    """Only at or after this time: seconds, or a date and time."""
    before: float | str | datetime | None = None
    """Only before this time."""


@dataclass(frozen=True)
class GalleryDeletion:
    """What was selected in a gallery, and deleted or, in a dry run, would be."""

    selection: Selection
    result: ForgetResult
    finished: bool
    """Whether deletions that were interrupted earlier were finished first."""
    page: Path | None
    """The page to review, written by a dry run of a selection other than by camera and time."""


def forget_crops(
    address: str | Path,
    settings: ForgetSettings,
    *,
    dry_run: bool,
    run: Run | str | Path | None = None,
    cache_dir: Path | None = None,
    files: Path | None = None,
    null: bool = False,
    page: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
    status: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> GalleryDeletion:
    """Delete crops from a gallery: embeddings, thumbnails and decoded pixels. The image files are never deleted.

    Args:
        address: a folder, `qdrant://...` or `postgresql://...`.
        settings: which crops.
        dry_run: change nothing and return what would be deleted.
        run: the model's run, if it was moved since indexing.
        cache_dir: another cache of decoded crops, beside the default and the recorded ones.
        files: a file to write the paths of the image files to; it is written before anything is deleted.
        null: terminate these paths by null characters in place of newlines.
        page: an HTML page for a dry run to write, unless crops are selected by camera and time alone.
        say: called with messages that must not be lost if the call fails.
        status: a context manager for each slow step, given its name.

    Raises:
        SettingsError: no or several criteria, a value out of range, or a path that newlines cannot separate.
        GalleryError: the gallery does not exist or is in use, no threshold is known, or data is left afterwards.
        DataError: an image is unusable, or a path is not in the gallery.
        StorageError: a file cannot be written.

    Example:
        >>> reseen.forget_crops("gallery", ForgetSettings(clusters=[12]), dry_run=True).result.files
    """
    with open_gallery(address, run) as gallery:
        for note in gallery.notes:
            say(note)
        for removed in gallery.finished:  # their paths are known from the log alone
            _write_files(files, [f"{e.source}/{e.image}" for e in removed_entries(removed)], null, say)
        selection = _select(gallery, settings)

        def delete(dry: bool) -> ForgetResult:
            return forget(
                gallery,
                selection.where,
                selection.by,
                dry_run=dry,
                cache_dir=cache_dir,
                threshold=selection.threshold,
            )

        with status("searching"):
            result = delete(dry=True)
        written = None
        if result.entries:
            _write_files(files, result.files, null, say)  # before deleting: afterwards the paths are unknown
            if not dry_run:
                with status("deleting"):
                    result = delete(dry=False)
            elif page is not None and selection.by != "filter":
                thumbnails = read_thumbnails(settings.like)
                written = write_forget_page(page, gallery, selection, result, thumbnails)
        return GalleryDeletion(selection, result, bool(gallery.finished), written)


def _select(gallery: Gallery, settings: ForgetSettings) -> Selection:
    known = list(gallery.store.describe().cameras)
    return select_entries(
        gallery,
        settings.images,
        settings.clusters,
        settings.like,
        settings.threshold,
        rounds=settings.rounds,
        kept=settings.kept,
        people=settings.people,
        among=parse_filter(settings.cameras, settings.after, settings.before, None, known),
    )


def _write_files(file: Path | None, paths: Sequence[str], null: bool, say: Callable[[str], None]) -> None:
    if file is not None and paths:
        write_file_list(file, paths, null)
        say(f"Paths of the image files written to {file}")

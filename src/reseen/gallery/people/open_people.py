"""The people of the gallery in a store, with the journal beside it."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from weakref import finalize

from reseen.audit import Calibration
from reseen.gallery.collection import read_collection, write_clusters
from reseen.gallery.edits.edit import Edit
from reseen.gallery.edits.journal import JOURNAL_NAME, Journal, edits_file
from reseen.gallery.edits.pair_constraints import publish_answers
from reseen.gallery.people.people import People
from reseen.gallery.question_pool import calibrate_gallery
from reseen.gallery.store import Store


def open_people(
    store: Store, address: str, recalibrate: Callable[[Calibration | None], None] = lambda _: None
) -> People:
    """The people of the gallery in a store; those of a gallery in memory are gone with the process.

    Args:
        store: the store of the gallery.
        address: its address.
        recalibrate: called with the calibration from the answers in effect when an edit has changed them.

    Raises:
        GalleryError: the journal is damaged.
        StorageError: the journal cannot be read.
    """
    folder = TemporaryDirectory(prefix="reseen-people-") if address == "memory:" else None
    journal = Journal(edits_file(address) if folder is None else Path(folder.name) / JOURNAL_NAME)

    def on_change(edit: Edit) -> None:
        if edit.same or edit.different:
            publish_answers(address, journal.file, journal.history.done, people.collection)
        if edit.answers:
            recalibrate(calibrate_gallery(people.collection, journal.history.done))

    people = People(
        journal, lambda: read_collection(store), lambda clusters: write_clusters(store, clusters), on_change
    )
    if folder is not None:
        finalize(people, folder.cleanup)
    return people

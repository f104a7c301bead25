"""The people of the gallery in a store, with the journal beside it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from weakref import finalize

from reseen.gallery.collection import read_collection, write_clusters
from reseen.gallery.edits.edit import Edit
from reseen.gallery.edits.journal import JOURNAL_NAME, Journal, edits_file
from reseen.gallery.edits.pair_constraints import publish_answers
from reseen.gallery.people.people import People
from reseen.gallery.store import Store


def open_people(store: Store, address: str) -> People:
    """The people of the gallery in a store; those of a gallery in memory are gone with the process.

    Raises:
        GalleryError: the journal is damaged.
        StorageError: the journal cannot be read.
    """
    folder = TemporaryDirectory(prefix="reseen-people-") if address == "memory:" else None
    journal = Journal(edits_file(address) if folder is None else Path(folder.name) / JOURNAL_NAME)

    def on_change(edit: Edit) -> None:
        if edit.same or edit.different:
            publish_answers(address, journal.file, journal.history.done, people.collection)

    people = People(
        journal, lambda: read_collection(store), lambda clusters: write_clusters(store, clusters), on_change
    )
    if folder is not None:
        finalize(people, folder.cleanup)
    return people

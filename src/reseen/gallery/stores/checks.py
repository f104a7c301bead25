"""What every store refuses: another model, vectors of another length, entries that no database can hold."""

from collections.abc import Iterator

from reseen.errors import GalleryError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries
from reseen.gallery.stores.normalized_filter import storable


def refuse_other_model(address: str, made: ModelIdentity, given: ModelIdentity | None) -> None:
    """Raise GalleryError unless `given` made the gallery; None is taken on trust."""
    if given is None or (given.fingerprint == made.fingerprint and given.dimension == made.dimension):
        return
    raise GalleryError(
        f"{address}: this gallery was made by {made.name}; the model given is {given.name}. Give the run that "
        "made it, or index the crops into a new gallery"
    )


def check_entries(entries: Entries, dimension: int) -> None:
    """Raise GalleryError for vectors of another dimension, or a text that no database can hold."""
    if entries.vectors.shape[1] != dimension:
        raise GalleryError(
            f"this gallery holds vectors of {dimension} numbers, got {entries.vectors.shape[1]}; add those of the "
            "model that made it"
        )
    for entry in entries.entries:
        for text in (entry.source, entry.image, entry.camera or ""):
            if not storable(text):
                raise GalleryError(
                    f"{text!r} cannot be kept: a name in a gallery must be Unicode text; rename the file"
                )


def in_parts(entries: Entries, size: int) -> Iterator[Entries]:
    """Entries in in_parts of at most `size`, of those with the same key the last one only."""
    last = list({entry.key: place for place, entry in enumerate(entries.entries)}.values())
    for start in range(0, len(last), size):
        places = last[start : start + size]
        yield Entries([entries.entries[place] for place in places], entries.vectors[places])

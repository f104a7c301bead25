"""Checks shared by all stores: model identity, vector dimension, and text that databases can store."""

from collections.abc import Iterator

from reseen.errors import GalleryError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries
from reseen.gallery.stores.normalized_filter import is_storable


def refuse_other_model(address: str, stored: ModelIdentity, model: ModelIdentity | None) -> None:
    """Check that a gallery was created with `model`; None skips the check.

    Whether vectors are of mirrored crops is no part of it: that is the gallery's own, see `refuse_other_views`.

    Raises:
        GalleryError: fingerprint or dimension differ.
    """
    if model is None or (model.fingerprint == stored.fingerprint and model.dimension == stored.dimension):
        return
    raise GalleryError(
        f"{address}: this gallery was created with {stored.name}; the model given is {model.name}. Give the run that "
        "it was created with, or embed the crops anew (`reseen index RUN --data DIR --gallery NEW`); `reseen people "
        f"adopt NEW {address}` then keeps the people"
    )


def refuse_other_views(address: str, stored: ModelIdentity, mirrored: bool | None) -> None:
    """Check that a gallery's vectors are `mirrored` or not, as was asked; None skips the check.

    Raises:
        GalleryError: they are not as asked.
    """
    if mirrored is None or mirrored == stored.mirrored:
        return
    has, asked = ("means of each crop and its mirror image", "--no-flip")
    if not stored.mirrored:
        has, asked = "of crops alone", "--flip"
    raise GalleryError(
        f"{address}: the vectors of this gallery are {has}, and all of one gallery are alike; leave out {asked}, or "
        f"embed the crops anew (`reseen index RUN --data DIR --gallery NEW {asked}`); `reseen people adopt NEW "
        f"{address}` then keeps the people"
    )


def check_entries(entries: Entries, dimension: int) -> None:
    """Check dimension and text of entries.

    Raises:
        GalleryError: the vectors have another dimension, or a name is not valid Unicode text.
    """
    if entries.vectors.shape[1] != dimension:
        raise GalleryError(
            f"this gallery holds vectors of {dimension} numbers, got {entries.vectors.shape[1]}; use the model "
            "that it was created with"
        )
    for entry in entries.entries:
        for text in (entry.source, entry.image, entry.camera or ""):
            if not is_storable(text):
                raise GalleryError(
                    f"{text!r} cannot be stored: names in a gallery must be valid Unicode text; rename the file"
                )


def batches(entries: Entries, size: int) -> Iterator[Entries]:
    """Entries in batches of at most `size`; of several with the same key, only the last."""
    unique = list({entry.key: row for row, entry in enumerate(entries.entries)}.values())
    for start in range(0, len(unique), size):
        rows = unique[start : start + size]
        yield Entries([entries.entries[row] for row in rows], entries.vectors[rows])

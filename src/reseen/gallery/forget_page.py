"""The page to look at before somebody is forgotten: what would go, the rest of its clusters, what nearly goes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from reseen.gallery.contact_sheet import decoded, facts_of
from reseen.gallery.copies import record_page
from reseen.gallery.entries import Entry
from reseen.gallery.filter import Filter
from reseen.gallery.forget import Forgotten
from reseen.gallery.gallery import Gallery
from reseen.gallery.selection import Chosen
from reseen.pages.search_page import FoundCrop, Search, SearchContent, write_search_page

_SHOWN = 400
"""Crops of each part that are drawn; more are counted."""


def write_forget_page(
    file: Path, gallery: Gallery, choice: Chosen, found: Forgotten, pictures: Sequence[bytes] = ()
) -> Path:
    """Write the page of a dry run, and record that it shows crops of this gallery.

    Args:
        file: where.
        gallery: what was looked through.
        choice: how crops were chosen.
        found: what would go.
        pictures: thumbnails of the images that were compared with.

    Raises:
        StorageError: the place cannot be written.
    """
    gone = {entry.key for entry in found.entries}
    near = choice.alike.near if choice.alike else ()
    rest = rest_of_clusters(gallery, found.entries)
    shown = [*[entry.key for entry in found.entries][:_SHOWN], *[entry.key for entry in rest][:_SHOWN], *near]
    entries = {e.key: e for part in gallery.store.scan(Filter(keys=tuple(shown))) for e in part.entries}
    similarities = _similarities(choice)
    order = sorted(gone, key=lambda key: -similarities.get(key, 0.0)) if choice.alike else [*gone]
    parts = [
        _part("What would be forgotten", f"{len(gone):,} crops.", order, entries, similarities, pictures, True),
        _part(
            "The rest of their clusters",
            f"{len(rest):,} other crops are in the same clusters. Whoever of them is the same person would stay.",
            [entry.key for entry in rest], entries, similarities,
        ),
    ]  # fmt: skip
    if choice.alike:
        words = f"The nearest crops below the similarity of {choice.threshold:.3f}. They would stay."
        parts.append(_part("Near misses", words, near, entries, similarities))
    content = SearchContent(
        "Forget?",
        "Nothing has gone yet. A crop of somebody else that would go is kept by --keep and its path; one of the person "
        "that would stay goes by --image, or by --like with it as one more image.",
        parts,
        {"gallery": gallery.address, "model": gallery.model.name},
    )
    write_search_page(file.expanduser(), content)
    record_page(gallery.address, file.expanduser(), entries)
    return file.expanduser()


def rest_of_clusters(gallery: Gallery, entries: Sequence[Entry]) -> list[Entry]:
    """The other crops of the clusters of some crops, by cluster and path; crops in no cluster have none."""
    touched = sorted({entry.cluster for entry in entries if entry.cluster is not None and entry.cluster >= 0})
    gone = {entry.key for entry in entries}
    where = Filter(clusters=tuple(touched))
    rest = [e for part in gallery.store.scan(where) for e in part.entries if e.key not in gone]
    return sorted(rest, key=lambda entry: (entry.cluster or 0, entry.source, entry.image))


def _similarities(choice: Chosen) -> dict[str, float]:
    if choice.alike is None:
        return {}
    alike = choice.alike
    return dict(zip((*alike.keys, *alike.near), (*alike.similarities, *alike.near_similarities), strict=True))


def _part(
    heading: str,
    note: str,
    keys: Sequence[str],
    entries: Mapping[str, Entry],
    similarities: Mapping[str, float],
    pictures: Sequence[bytes] = (),
    sure: bool = False,
) -> Search:
    drawn = [entries[key] for key in keys[:_SHOWN] if key in entries]
    more = f" The first {len(drawn):,} are drawn." if len(keys) > len(drawn) else ""
    crops = [
        FoundCrop(
            decoded(entry.thumbnail),
            f"{similarities[entry.key]:.2f}" if entry.key in similarities else "",
            [*facts_of(entry)[:-1], entry.image],
            sure,
        )
        for entry in drawn
    ]
    return Search(heading, [decoded(picture) for picture in pictures], crops, heading, note + more, "None.")

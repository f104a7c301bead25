"""The review page of a dry run: crops to delete, other members of their clusters, and near misses."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from reseen.gallery.contact_sheet import decode_thumbnail, describe_entry
from reseen.gallery.copies import record_page
from reseen.gallery.entries import Entry
from reseen.gallery.filter import Filter
from reseen.gallery.forget import ForgetResult
from reseen.gallery.gallery import Gallery
from reseen.gallery.selection import Selection
from reseen.pages.search_page import FoundCrop, Search, SearchContent, write_search_page

_SHOWN = 400
"""Maximum number of crops per section; further ones are only counted."""


def write_forget_page(
    file: Path, gallery: Gallery, selection: Selection, result: ForgetResult, queries: Sequence[bytes] = ()
) -> Path:
    """Write the review page of a dry run and record which crops it shows.

    Args:
        file: the HTML file.
        gallery: the gallery that was searched.
        selection: how crops were selected.
        result: the result of the dry run.
        queries: thumbnails of the query images, if selected by similarity.

    Returns:
        The file, with `~` expanded.

    Raises:
        StorageError: the file cannot be written.
    """
    selected = {entry.key for entry in result.entries}
    near = selection.similar.near if selection.similar else ()
    others = other_cluster_members(gallery, result.entries)
    shown = [
        *[entry.key for entry in result.entries][:_SHOWN],
        *[entry.key for entry in others][:_SHOWN],
        *near,
    ]
    entries = {e.key: e for part in gallery.store.scan(Filter(keys=tuple(shown))) for e in part.entries}
    similarities = _similarities(selection)
    order = (
        sorted(selected, key=lambda key: -similarities.get(key, 0.0)) if selection.similar else [*selected]
    )
    sections = [
        _section("What would be forgotten", f"{len(selected):,} crops.", order, entries, similarities, queries, True),
        _section(
            "Other members of their clusters",
            f"{len(others):,} other crops are in the same clusters and would stay, even those of the same person.",
            [entry.key for entry in others], entries, similarities,
        ),
    ]  # fmt: skip
    if selection.similar:
        note = f"The most similar crops below the threshold of {selection.threshold:.3f}. They would stay."
        sections.append(_section("Near misses", note, near, entries, similarities))
    content = SearchContent(
        "Forget?",
        "Nothing has been deleted yet. Keep a crop of another person with --keep and its path; add a missing crop of "
        "the person with --image, or as a further --like image.",
        sections,
        {"gallery": gallery.address, "model": gallery.model.name},
    )
    write_search_page(file.expanduser(), content)
    record_page(gallery.address, file.expanduser(), entries)
    return file.expanduser()


def other_cluster_members(gallery: Gallery, entries: Sequence[Entry]) -> list[Entry]:
    """Other members of the clusters of `entries`, sorted by cluster and path; noise has no cluster."""
    clusters = sorted(
        {entry.cluster for entry in entries if entry.cluster is not None and entry.cluster >= 0}
    )
    selected = {entry.key for entry in entries}
    where = Filter(clusters=tuple(clusters))
    others = [e for part in gallery.store.scan(where) for e in part.entries if e.key not in selected]
    return sorted(others, key=lambda entry: (entry.cluster or 0, entry.source, entry.image))


def _similarities(selection: Selection) -> dict[str, float]:
    if selection.similar is None:
        return {}
    similar = selection.similar
    return dict(
        zip((*similar.keys, *similar.near), (*similar.similarities, *similar.near_similarities), strict=True)
    )


def _section(
    heading: str,
    note: str,
    keys: Sequence[str],
    entries: Mapping[str, Entry],
    similarities: Mapping[str, float],
    queries: Sequence[bytes] = (),
    highlight: bool = False,
) -> Search:
    shown = [entries[key] for key in keys[:_SHOWN] if key in entries]
    more = f" The first {len(shown):,} are shown." if len(keys) > len(shown) else ""
    crops = [
        FoundCrop(
            decode_thumbnail(entry.thumbnail),
            f"{similarities[entry.key]:.2f}" if entry.key in similarities else "",
            [*describe_entry(entry)[:-1], entry.image],
            highlight,
        )
        for entry in shown
    ]
    return Search(
        heading, [decode_thumbnail(thumbnail) for thumbnail in queries], crops, heading, note + more, "None."
    )

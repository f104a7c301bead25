"""Removal of crops from a store and all recorded copies, with verification, resumable after a crash."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from reseen.audit.answers import read_answers, write_answers
from reseen.data import pixel_cache as cache
from reseen.data.pixel_cache import source_folders
from reseen.errors import GalleryError, ReseenError
from reseen.features.feature_entries import FEATURES, feature_folder
from reseen.files import write_text
from reseen.gallery.copies import Copy, recorded_copies
from reseen.gallery.deletion_log import Deletion, append_deletion, unverified_deletions
from reseen.gallery.edits.journal import Journal, edits_file
from reseen.gallery.entries import Entry
from reseen.gallery.filter import Filter
from reseen.gallery.side_files import CAMERA_MEANS, map_folder, side_file
from reseen.gallery.store import Store
from reseen.gallery.stores.served import ServedStore
from reseen.runs.run import open_run

PENDING = "forgetting.json"
"""Side file that lists removals in progress, with folders and file names; deleted when they are done."""


@dataclass(frozen=True)
class Removal:
    """The crops of one deletion."""

    by: str
    """How they were selected, for the deletion log."""
    keys: tuple[str, ...]
    images: tuple[tuple[str, str], ...] | None
    """Source and path of each, in the order of `keys`; None if only the keys are still known."""
    cache_dirs: tuple[str, ...] = ()
    """Further cache folders to search, given by the caller."""


@dataclass(frozen=True)
class RemovalResult:
    """A verified removal."""

    removal: Removal
    cached: tuple[Path, ...]
    """Cache folders of decoded crops and of features that were removed as a whole."""
    pages: tuple[Path, ...]
    """Pages and lists of earlier commands that show some of the crops; they are not deleted."""
    deletion_log: Path


@dataclass(frozen=True)
class FoundCopies:
    """Where copies of the crops of a removal are."""

    cached: tuple[Path, ...]
    """Folders of decoded crops and of features inside cache folders."""
    maps: tuple[Path, ...]
    """Files of map coordinates."""
    answers: tuple[Copy, ...]
    """Files of answers that name one of the crops."""
    journal: tuple[Path, ...]
    """The journal of edits, if it refers to one of the crops."""
    pages: tuple[Path, ...]
    """Pages that show one of the crops."""
    unreachable: tuple[str, ...]
    """Recorded paths whose disk is not mounted."""


def find_copies(store: Store, address: str, removal: Removal) -> FoundCopies:
    """Search all recorded and default locations for copies of crops.

    Raises:
        GalleryError: the record of copies or the journal of edits is damaged.
        DataError: a file of answers is damaged.
    """
    copies = recorded_copies(address)
    held = [copy for copy in copies if copy.kind != "page"]
    recorded = [(copy.path, copy.device) for copy in held]
    sources = None if removal.images is None else _sources(removal.images)
    folders = {cache.cache_folder(): None, **dict.fromkeys(map(Path, removal.cache_dirs))}
    folders |= dict.fromkeys(_run_cache(store.describe().model.run))
    folders |= dict.fromkeys(Path(copy.path) for copy in held if copy.kind == "pixels")
    folders |= dict.fromkeys(feature_folder(folder.parent) for folder in tuple(folders))
    folders |= dict.fromkeys(Path(copy.path) for copy in held if copy.kind == "features")
    folders |= dict.fromkeys(Path(folder) for folder, _ in cache.recorded_folders())
    maps = dict.fromkeys(Path(copy.path) for copy in held if copy.kind == "map")
    if (folder := map_folder(address)) is not None:
        maps[folder] = None
    keys = set(removal.keys)
    unreachable = [
        path
        for path, device in dict([*recorded, *cache.recorded_folders()]).items()
        if cache.is_unreachable(Path(path), device)
    ]
    return FoundCopies(
        tuple(
            {path.resolve(): None for folder in folders for path in cache.folders_holding(folder, sources)}
        ),
        tuple(file for folder in maps for file in _map_files(folder)),
        tuple(copy for copy in held if copy.kind == "answers" and _names(copy, keys)),
        (file,) if Journal(file := edits_file(address)).holds(keys) else (),
        tuple(
            Path(path)
            for path in dict.fromkeys(
                c.path for c in copies if c.kind == "page" and keys.intersection(c.keys)
            )
            if Path(path).exists()
        ),
        tuple(unreachable),
    )


def remove(store: Store, address: str, removal: Removal) -> RemovalResult:
    """Remove crops from the store and all copies, then verify that nothing is left.

    The removal is recorded first, so that `finish_removals` can complete it after a crash.

    Raises:
        GalleryError: data of the crops is left.
        StorageError: a file cannot be written.
    """
    if isinstance(store, ServedStore):  # by the process that has the gallery open
        return _removed_by_viewer(store, removal)
    _begin(address, removal)
    if not any(line.keys == removal.keys for line in unverified_deletions(address)):
        append_deletion(address, Deletion.now(removal.by, removal.keys, False, 0))
    store.delete(Filter(keys=removal.keys))
    _unlink(side_file(address, CAMERA_MEANS))  # means of vectors that are gone
    copies = find_copies(store, address, removal)
    for folder in copies.cached:
        if cache.writer_process(folder) is None:
            cache.remove(folder)
    for file in copies.maps:
        _unlink(file)
    keys = set(removal.keys)
    for copy in copies.answers:
        remaining = [
            answer for answer in read_answers([copy.path]) if not _is_about(copy, answer.crops, keys)
        ]
        write_answers(Path(copy.path), remaining)
    for file in copies.journal:
        Journal(file).forget(keys)
    entries_left = sum(len(part) for part in store.scan(Filter(keys=removal.keys)))
    leftovers = _leftovers(find_copies(store, address, removal), entries_left, len(keys))
    if leftovers:
        raise GalleryError(
            f"{address}: still there after forgetting: {'; '.join(leftovers)}; rerun the command"
        )
    log = append_deletion(address, Deletion.now(removal.by, removal.keys, True, len(copies.cached)))
    _end(address, removal)
    return RemovalResult(removal, copies.cached, copies.pages, log)


def finish_removals(store: Store, address: str) -> tuple[list[RemovalResult], str]:
    """Complete removals that a crash interrupted.

    Returns:
        The completed removals, and a message about one that could not be verified, empty if all were.

    Raises:
        GalleryError: entries cannot be removed from the store.
        StorageError: the store cannot be written.
    """
    results, message = [], ""
    if isinstance(store, ServedStore):  # its process finished them when it opened the gallery
        return results, message
    for removal in _interrupted(address):
        try:
            results.append(remove(store, address, removal))
        except ReseenError as error:
            if any(len(part) for part in store.scan(Filter(keys=removal.keys))):
                raise
            message = f"a deletion is not verified yet: {error}"
    return results, message


def _removed_by_viewer(store: ServedStore, removal: Removal) -> RemovalResult:
    done = store.forget(removal.by, removal.keys, removal.images, removal.cache_dirs)
    cached, pages = (tuple(map(Path, done[name])) for name in ("cached", "pages"))
    return RemovalResult(removal, cached, pages, Path(done["deletion_log"]))


def _interrupted(address: str) -> list[Removal]:
    removals = _read(address)
    known = [set(removal.keys) for removal in removals]
    for line in unverified_deletions(address):
        if not any(keys.issuperset(line.keys) for keys in known):
            removals.append(Removal(line.by, line.keys, None))
    return removals


def _leftovers(copies: FoundCopies, entries_left: int, count: int) -> list[str]:
    """Descriptions of what is left, one each."""
    leftovers = [f"{entries_left:,} of {count:,} entries of the store"] if entries_left else []
    for folder in copies.cached:
        process = cache.writer_process(folder)
        busy = "" if process is None else f", which process {process} is writing right now; wait for it"
        what = "features" if folder.parent.name == FEATURES else "decoded pixels"
        leftovers.append(f"{what} in {folder}{busy}")
    leftovers += [f"map coordinates in {file}" for file in copies.maps]
    leftovers += [f"answers that name crops in {copy.path}" for copy in copies.answers]
    leftovers += [f"edits of crops in {file}" for file in copies.journal]
    return leftovers + [
        f"what is in {path}, whose disk is not there: mount it, or create an empty folder there if it no longer exists"
        for path in copies.unreachable
    ]


def _sources(images: Sequence[tuple[str, str]]) -> list[str]:
    """Folders of the image files, both as given and with symbolic links resolved."""
    by_source: dict[str, list[str]] = {}
    for source, image in images:
        by_source.setdefault(source, []).append(image)
    folders = {folder for source, paths in by_source.items() for folder in source_folders(source, paths)}
    folders |= {str((Path(source) / image.partition("::")[0]).resolve().parent) for source, image in images}
    return sorted(folders)


def _run_cache(run: str) -> list[Path]:
    """The pixel cache folder set in the recipe of the gallery's run, if any."""
    try:
        cache_dir = open_run(run).recipe.data.cache_dir
    except ReseenError:  # moved or deleted; its cache is recorded elsewhere, too
        return []
    return [] if cache_dir is None else [cache.cache_folder(cache_dir)]


def _map_files(folder: Path) -> list[Path]:
    return [file for pattern in ("*.npy", ".*.npy.*.part") for file in sorted(folder.glob(pattern))]


def _names(copy: Copy, keys: set[str]) -> bool:
    if not Path(copy.path).is_file():
        return False
    return any(_is_about(copy, answer.crops, keys) for answer in read_answers([copy.path]))


def _is_about(copy: Copy, crops: Sequence[str], keys: set[str]) -> bool:
    return any(Entry(copy.source, crop).key in keys for crop in crops)


def _unlink(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise GalleryError(f"{file}: cannot be removed ({error.strerror}); remove it by hand") from None


def _read(address: str) -> list[Removal]:
    file = side_file(address, PENDING)
    if not file.is_file():
        return []
    try:
        return [
            Removal(
                str(item["by"]),
                tuple(map(str, item["keys"])),
                tuple((str(source), str(image)) for source, image in item["images"]),
                tuple(map(str, item["cache_dirs"])),
            )
            for item in json.loads(file.read_text(encoding="utf-8"))
        ]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise GalleryError(
            f"{file}: cannot be read ({error}); remove it, then the deletion is finished from the deletion log"
        ) from None


def _begin(address: str, removal: Removal) -> None:
    pending = _read(address)
    if removal.images is not None and removal not in pending:
        _write(address, [*pending, removal])


def _end(address: str, removal: Removal) -> None:
    if removal.images is not None:
        _write(address, [pending for pending in _read(address) if pending != removal])


def _write(address: str, pending: list[Removal]) -> None:
    file = side_file(address, PENDING)
    if pending:
        write_text(file, json.dumps([asdict(removal) for removal in pending]))
    else:
        _unlink(file)

"""Remove crops from a store and every recorded place, check that they are gone, finish what was interrupted."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from reseen.audit.answers import read_answers, write_answers
from reseen.data import pixel_cache as cache
from reseen.data.pixel_cache import source_folders
from reseen.errors import GalleryError, ReseenError
from reseen.files import write_text
from reseen.gallery.copies import Copy, recorded_copies
from reseen.gallery.deletion_log import Deletion, note, unfinished
from reseen.gallery.entries import Entry
from reseen.gallery.filter import Filter
from reseen.gallery.side_files import map_folder, side_file
from reseen.gallery.store import Store
from reseen.runs.run import open_run

PENDING = "forgetting.json"
"""Beside the gallery while a forgetting is under way: what it removes. It names folders and files, and is removed."""


@dataclass(frozen=True)
class Removal:
    """Crops that are to go."""

    by: str
    keys: tuple[str, ...]
    images: tuple[tuple[str, str], ...] | None
    """Source and path of each, in the order of `keys`; None where only the keys are known any more."""
    cache_dirs: tuple[str, ...] = ()
    """Cache folders, beside the recorded ones, that whoever asked has named."""


@dataclass(frozen=True)
class Removed:
    """What was removed, after it was checked that nothing is left."""

    removal: Removal
    cached: tuple[Path, ...]
    """Folders of decoded crops, whole."""
    pages: tuple[Path, ...]
    """Pages and lists that commands wrote for a person and that show some of the crops; they are still there."""
    ledger: Path


@dataclass(frozen=True)
class Places:
    """Filter copies of the crops of a removal are."""

    cached: tuple[Path, ...]
    """Folders inside cache folders."""
    maps: tuple[Path, ...]
    """Files of map coordinates."""
    answers: tuple[Copy, ...]
    """Files with answers about one of the crops."""
    pages: tuple[Path, ...]
    unreachable: tuple[str, ...]
    """Recorded places on disks that are not there."""


def find_places(store: Store, address: str, removal: Removal) -> Places:
    """Read every recorded place and the usual ones for copies of crops.

    Raises:
        GalleryError: the record is damaged.
        DataError: a file of answers is.
    """
    copies = recorded_copies(address)
    held = [copy for copy in copies if copy.kind != "page"]
    recorded = [(copy.path, copy.device) for copy in held]
    sources = None if removal.images is None else _sources(removal.images)
    folders = {cache.cache_folder(): None, **dict.fromkeys(map(Path, removal.cache_dirs))}
    folders |= dict.fromkeys(_run_cache(store.describe().model.run))
    folders |= dict.fromkeys(Path(copy.path) for copy in held if copy.kind == "pixels")
    folders |= dict.fromkeys(Path(folder) for folder, _ in cache.recorded_folders())
    maps = dict.fromkeys(Path(copy.path) for copy in held if copy.kind == "map")
    if (beside := map_folder(address)) is not None:
        maps[beside] = None
    keys = set(removal.keys)
    missing = [
        place
        for place, device in dict([*recorded, *cache.recorded_folders()]).items()
        if cache.is_unreachable(Path(place), device)
    ]
    return Places(
        tuple(
            {place.resolve(): None for folder in folders for place in cache.folders_holding(folder, sources)}
        ),
        tuple(file for folder in maps for file in _map_files(folder)),
        tuple(copy for copy in held if copy.kind == "answers" and _names(copy, keys)),
        tuple(
            Path(path)
            for path in dict.fromkeys(
                c.path for c in copies if c.kind == "page" and keys.intersection(c.keys)
            )
            if Path(path).exists()
        ),
        tuple(missing),
    )


def remove(store: Store, address: str, removal: Removal) -> Removed:
    """Remove crops everywhere, then look everywhere again.

    What is about to go is written down first, so that `finish` can go on where a crash ended this.

    Raises:
        GalleryError: something is still there.
        StorageError: a place cannot be written.
    """
    _begin(address, removal)
    if not any(line.keys == removal.keys for line in unfinished(address)):
        note(address, Deletion.now(removal.by, removal.keys, False, 0))
    store.delete(Filter(keys=removal.keys))
    places = find_places(store, address, removal)
    for folder in places.cached:
        if cache.writer_process(folder) is None:
            cache.remove(folder)
    for file in places.maps:
        _unlink(file)
    keys = set(removal.keys)
    for copy in places.answers:
        kept = [answer for answer in read_answers([copy.path]) if not _is_about(copy, answer.crops, keys)]
        write_answers(Path(copy.path), kept)
    left = sum(len(part) for part in store.scan(Filter(keys=removal.keys)))
    faults = _faults(find_places(store, address, removal), left, len(keys))
    if faults:
        raise GalleryError(
            f"{address}: still there after forgetting: {'; '.join(faults)}; give the command again"
        )
    ledger = note(address, Deletion.now(removal.by, removal.keys, True, len(places.cached)))
    _end(address, removal)
    return Removed(removal, places.cached, places.pages, ledger)


def finish(store: Store, address: str) -> tuple[list[Removed], str]:
    """Finish what a crash interrupted; what was done, and what is still not verified, empty where nothing.

    Raises:
        GalleryError, StorageError: crops that are to go cannot be removed from the store.
    """
    done, words = [], ""
    for removal in _unfinished(address):
        try:
            done.append(remove(store, address, removal))
        except ReseenError as error:
            if any(len(part) for part in store.scan(Filter(keys=removal.keys))):
                raise
            words = f"a forgetting is not verified yet: {error}"
    return done, words


def _unfinished(address: str) -> list[Removal]:
    begun = _read(address)
    known = [set(removal.keys) for removal in begun]
    for line in unfinished(address):
        if not any(keys.issuperset(line.keys) for keys in known):
            begun.append(Removal(line.by, line.keys, None))
    return begun


def _faults(places: Places, left: int, count: int) -> list[str]:
    """What is still there, one phrase each."""
    found = [f"{left:,} of {count:,} entries of the store"] if left else []
    for folder in places.cached:
        process = cache.writer_process(folder)
        busy = "" if process is None else f", which process {process} is writing right now; wait for it"
        found.append(f"decoded pixels in {folder}{busy}")
    found += [f"map coordinates in {file}" for file in places.maps]
    found += [f"answers that name crops in {copy.path}" for copy in places.answers]
    return found + [
        f"what is in {place}, whose disk is not there: mount it, or make an empty folder there if it is gone"
        for place in places.unreachable
    ]


def _sources(images: Sequence[tuple[str, str]]) -> list[str]:
    """The folders in which image files lie, as they are named and behind links."""
    by_source: dict[str, list[str]] = {}
    for source, image in images:
        by_source.setdefault(source, []).append(image)
    found = {folder for source, paths in by_source.items() for folder in source_folders(source, paths)}
    found |= {str((Path(source) / image.partition("::")[0]).resolve().parent) for source, image in images}
    return sorted(found)


def _run_cache(run: str) -> list[Path]:
    """The cache folder that the recipe of the gallery's run names."""
    try:
        named = open_run(run).recipe.data.cache_dir
    except ReseenError:  # moved or deleted; what it wrote is recorded elsewhere, too
        return []
    return [] if named is None else [cache.cache_folder(named)]


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
                str(one["by"]),
                tuple(map(str, one["keys"])),
                tuple((str(source), str(image)) for source, image in one["images"]),
                tuple(map(str, one["cache_dirs"])),
            )
            for one in json.loads(file.read_text(encoding="utf-8"))
        ]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise GalleryError(
            f"{file}: cannot be read ({error}); remove it; the list of forgotten crops is finished in its place"
        ) from None


def _begin(address: str, removal: Removal) -> None:
    begun = _read(address)
    if removal.images is not None and removal not in begun:
        _write(address, [*begun, removal])


def _end(address: str, removal: Removal) -> None:
    if removal.images is not None:
        _write(address, [one for one in _read(address) if one != removal])


def _write(address: str, begun: list[Removal]) -> None:
    file = side_file(address, PENDING)
    if begun:
        write_text(file, json.dumps([asdict(one) for one in begun]))
    else:
        _unlink(file)

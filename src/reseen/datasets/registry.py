"""Which data set lies in a folder: found by looking, said in one sentence, overridable by layout and variant.

The table of data sets, written by hand: one row for each layout, in the order in which they are looked for.

`folder` is not in it: anything that is nothing else is a bare folder, which has a camera pattern of its own.
"""

from pathlib import Path
from typing import NamedTuple

from reseen.data.table import ImageTable
from reseen.datasets import (
    animals,
    cuhk01,
    cuhk03,
    duke,
    duke_video,
    folder,
    ilids_vid,
    luperson,
    manifest,
    market1501,
    mars,
    msmt17,
    personx,
    prid2011,
    randperson,
    shards,
    split_folders,
    vehicleid,
    veri776,
    viper,
)
from reseen.datasets.dataset import Dataset, Layout, Variant, parse
from reseen.datasets.skipped_files import describe_skipped, possible_crops, skipped_files
from reseen.datasets.split_names import folder_of, part_folders, parts_of_paths
from reseen.errors import DataError, SettingsError

DATASETS: dict[Layout, Dataset] = {
    Layout.SHARDS: shards.DATASET,
    Layout.MANIFEST: manifest.DATASET,
    Layout.OCCLUDED_DUKE: duke.OCCLUDED,
    Layout.DUKE: duke.DATASET,
    Layout.PERSONX: personx.DATASET,
    Layout.MARKET1501: market1501.DATASET,
    Layout.MSMT17: msmt17.DATASET,
    Layout.CUHK03: cuhk03.DATASET,
    Layout.CUHK01: cuhk01.DATASET,
    Layout.VIPER: viper.DATASET,
    Layout.PRID2011: prid2011.DATASET,
    Layout.ILIDS_VID: ilids_vid.DATASET,
    Layout.MARS: mars.DATASET,
    Layout.DUKE_VIDEO: duke_video.DATASET,
    Layout.VERI776: veri776.DATASET,
    Layout.VEHICLEID: vehicleid.DATASET,
    Layout.ANIMALS: animals.DATASET,
    Layout.SPLIT_FOLDERS: split_folders.DATASET,
    Layout.RANDPERSON: randperson.DATASET,
    Layout.LUPERSON: luperson.DATASET,
}
"""Narrower layouts stand before wider ones: Occluded-Duke before DukeMTMC-reID before Market-1501. Folders of train
and test come before those that are known by the name of one file, which would be mixed."""


_SUBFOLDERS = 20
"""Folders below the one that was given in which a benchmark is looked for; more are cameras or people."""


class Choice(NamedTuple):
    """A data set and the way it is used."""

    dataset: Dataset
    variant: Variant


def detect(root: Path) -> Layout:
    """Look at a folder or file and say how it is laid out.

    Raises:
        DataError: nothing is there, a file is neither a manifest nor a shard, or a benchmark lies one folder down.
    """
    if not root.exists():
        raise DataError(f"{root}: no such folder or manifest")
    found = _layout(root)
    if found is not None:
        return found
    if root.is_file():
        raise DataError(
            f"{root}: neither a folder nor a manifest nor a shard; a manifest ends in .csv or .parquet, a shard in .tar"
        )
    for below in folder.subfolders(root)[:_SUBFOLDERS]:
        inner = _layout(below)
        if inner is not None:
            raise DataError(
                f"{root}: the {DATASETS[inner].title} layout lies one folder down; give {below} instead "
                "(or set data.layout to 'folder' to mix all its images)"
            )
    return Layout.FOLDER


def choose(root: Path, layout: str | None = None, variant: str | None = None) -> Choice | None:
    """The data set in a folder, and a variant of it; None for a bare folder.

    Raises:
        DataError: nothing is there, or it is not of this layout.
        SettingsError: an unknown layout or variant.
    """
    chosen = parse(layout) or detect(root)
    if chosen is Layout.FOLDER:
        if variant is not None:
            raise SettingsError(
                f"data.variant: {root} is read as a bare folder, which has no variants; leave it out"
            )
        return None
    if not root.exists():
        raise DataError(f"{root}: no such folder or manifest")
    dataset = DATASETS[chosen]
    return Choice(dataset, dataset.variant(variant))


def describe(
    table: ImageTable,
    layout: Layout,
    variant: str | None = None,
    root: Path | None = None,
    split: str = "train",
) -> str:
    """One sentence for a person: the layout and variant, the crops, and where the cameras come from.

    `root` is the folder that was given, which tells the release of MSMT17 and what is not read; `split` is what the
    crops of the table are.
    """
    crops = f"{len(table):,} crop{'' if len(table) == 1 else 's'}"
    count = len(table.camera_names)
    cameras = f"{count} camera{'' if count == 1 else 's'}"
    over = _passed_over(root) if root is not None and layout not in (Layout.SHARDS, Layout.MANIFEST) else ""
    if layout is Layout.FOLDER:
        return _describe_folder(table, crops, cameras) + over
    meant = f"{crops} for training" if split == "train" else f"{crops} of the split {split}"
    if layout is Layout.SPLIT_FOLDERS:
        return _describe_split_folders(table, meant, cameras, root) + over
    dataset = DATASETS[layout]
    words = dataset.variant(variant).description
    release = dataset.release(root) if dataset.release and root else ""
    title = f"{dataset.title}{' ' + release if release else ''}{' layout' if dataset.page else ''}"
    parts = [title, *([words] if words else []), meant]
    if table.tracklets is not None:
        parts.append(f"{len(set(table.tracklets.tolist()) - {-1}):,} tracklets")
    parts.append(f"{cameras} from {dataset.cameras_from}" if count else "no cameras")
    withdrawn = f". {dataset.note}" if dataset.access == "withdrawn" else ""
    return ", ".join(parts) + over + withdrawn


def _describe_folder(table: ImageTable, crops: str, cameras: str) -> str:
    mixed = parts_of_paths(table.paths)
    mix = f", {', '.join(mixed)} mixed as one pool, since data.layout asks for it" if mixed else ""
    return f"Folder of images, {crops}, {_cameras_of(table, cameras, table.paths)}{mix}"


def _describe_split_folders(table: ImageTable, meant: str, cameras: str, root: Path | None) -> str:
    read = table.paths[0].partition("/")[0]
    held = part_folders(root) if root else {}
    scored = {folder_of(held, part) for part in ("query", "gallery")}
    others = [name for name in folder.subfolders(root) if name.name not in {read, *scored}] if root else []
    unread = f"; not read: {', '.join(name.name for name in others)}" if others else ""
    below = tuple(path.partition("/")[2] for path in table.paths)
    return f"Split folders, {meant} from {read}, {_cameras_of(table, cameras, below)}{unread}"


def _cameras_of(table: ImageTable, cameras: str, paths: tuple[str, ...]) -> str:
    """Where cameras come from, or by which pattern they might."""
    if table.camera_names:
        unknown = int((table.cameras < 0).sum())
        return f"{cameras} from the paths" + (f" ({unknown:,} crops fit no camera)" if unknown else "")
    named = [folder.CAMERA_IN_NAME.match(path.rpartition("/")[2]) is not None for path in paths]
    if any(named) and not all(named):
        strange = paths[named.index(False)]
        return (
            f"no cameras: {sum(named):,} names show one as in Market-1501, {len(named) - sum(named):,} do not, the "
            f"first is {strange}"
        )
    hint = folder.suggest_pattern(paths)
    return "no cameras" + (f"; if their paths tell, try the camera pattern '{hint}'" if hint else "")


def _passed_over(root: Path) -> str:
    """What may have been meant as crops and is none."""
    counts = possible_crops(skipped_files(root)) if root.is_dir() else {}
    return f"; {describe_skipped(counts)}" if counts else ""


def _layout(root: Path) -> Layout | None:
    return next((layout for layout, dataset in DATASETS.items() if dataset.matches(root)), None)

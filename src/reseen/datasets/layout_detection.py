"""`DATASETS`, the table of data sets by layout, and the detection of the layout of a folder.

Layouts are detected in the order of the table, those of other packages first. `Layout.FOLDER` is not in it: a folder of
no other layout is read as a folder of images, with an optional camera pattern.
"""

from pathlib import Path
from typing import NamedTuple

from reseen.config import suggestion
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
from reseen.datasets.dataset import Dataset, Layout, Variant
from reseen.datasets.folder import describe_skipped, possible_crops, skipped_files
from reseen.datasets.namings import folder_of, part_folders, parts_of_paths
from reseen.errors import DataError, SettingsError
from reseen.registry import Registry


def _missing(name: str, row: object) -> str:
    """What a row lacks, for a message; empty where it is complete."""
    if not isinstance(row, Dataset):
        return f"is registered as {type(row).__name__}, and a Dataset is needed"
    if row.layout != name:
        return f"has the layout {row.layout!r}; give `layout` the value {name!r}"
    if name in ("auto", Layout.FOLDER):
        return "has a name with another meaning; choose another one"
    if not callable(row.matches) or not callable(row.training):
        return "lacks a function: `matches` and `training` are needed"
    if row.splits is not None and not callable(row.splits):
        return "has `splits` that are no function; leave them None where there are no identities"
    return "" if row.variants else "has no variant; leave `variants` out, or give one"


DATASETS: Registry[Dataset] = Registry(
    "reseen.readers",
    "reader",
    {
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
    },
    _missing,
)
"""Data sets by name of the layout, more specific ones first: Occluded-Duke before DukeMTMC-reID, before Market-1501.
Split folders come before layouts that are recognized by one file name, which would mix the splits.

A layout of the package is one file and one line here; one of another package is an entry point of the group
`reseen.readers`, a `Dataset`."""


_SUBFOLDERS = 20
"""Number of sub-folders searched for a benchmark; a folder with more of them has one per camera or person."""


class Choice(NamedTuple):
    """A data set and one of its variants."""

    dataset: Dataset
    variant: Variant


def parse_layout(name: str | None) -> str | None:
    """The layout of a name, registered or `folder`; None for `auto` and None.

    Raises:
        SettingsError: the name is unknown.

    Example:
        >>> parse_layout("market1501")
        'market1501'
    """
    if name is None or name == "auto":
        return None
    if name == Layout.FOLDER:
        return Layout.FOLDER
    dataset = DATASETS.find(name)
    if dataset is not None:
        return dataset.layout
    known = ["auto", *map(str, DATASETS), str(Layout.FOLDER)]
    hint = suggestion(name, known) or f"; known: {', '.join(known)}"
    raise SettingsError(
        f"data.layout: no layout '{name}'{hint}; one of your own needs its package, or --plugin"
    )


def detect(root: Path) -> str:
    """Detect the layout of a folder or file.

    Raises:
        DataError: `root` does not exist, is a file but neither a manifest nor a shard, or has a benchmark in a
            sub-folder.

    Example:
        >>> detect(Path("Market-1501"))
        'market1501'
    """
    if not root.exists():
        raise DataError(f"{root}: no such folder or manifest")
    detected = _layout(root)
    if detected is not None:
        return detected
    if root.is_file():
        raise DataError(
            f"{root}: neither a folder nor a manifest nor a shard; a manifest ends in .csv or .parquet, a shard in .tar"
        )
    for subfolder in folder.subfolders(root)[:_SUBFOLDERS]:
        inner = _layout(subfolder)
        if inner is not None:
            raise DataError(
                f"{root}: the {DATASETS[inner].title} layout is one folder down; give {subfolder} instead "
                "(or set data.layout to 'folder' to mix all its images)"
            )
    return Layout.FOLDER


def choose(root: Path, layout: str | None = None, variant: str | None = None) -> Choice | None:
    """The data set in a folder, of the given or the detected layout, with a variant; None for a folder of images.

    Raises:
        DataError: `root` does not exist, or its layout cannot be detected.
        SettingsError: the layout or variant is unknown.

    Example:
        >>> choice = choose(Path("MSMT17"))
        >>> choice.dataset.title, choice.variant.name
        ('MSMT17', 'train+val')
    """
    known = parse_layout(layout) or detect(root)
    if known == Layout.FOLDER:
        if variant is not None:
            raise SettingsError(
                f"data.variant: {root} is read as a folder of images, which has no variants; leave it out"
            )
        return None
    if not root.exists():
        raise DataError(f"{root}: no such folder or manifest")
    dataset = DATASETS[known]
    return Choice(dataset, dataset.variant(variant))


def describe(
    table: ImageTable,
    layout: str,
    variant: str | None = None,
    root: Path | None = None,
    split: str = "train",
) -> str:
    """A one-line summary of a table: layout and variant, number of crops, and where the cameras are read from.

    `split` is the split in the table. With the folder `root`, the summary includes the release of MSMT17 and the
    folders and files that were not read.

    Example:
        >>> describe(read_training(root), Layout.MARKET1501, root=root)
        'Market-1501 layout, 12,936 crops for training, 6 cameras from the file names'
    """
    crops = f"{len(table):,} crop{'' if len(table) == 1 else 's'}"
    count = len(table.camera_names)
    cameras = f"{count} camera{'' if count == 1 else 's'}"
    skipped = _skipped(root) if root is not None and layout not in (Layout.SHARDS, Layout.MANIFEST) else ""
    if layout == Layout.FOLDER:
        return _describe_folder(table, crops, cameras) + skipped
    purpose = f"{crops} for training" if split == "train" else f"{crops} of the split {split}"
    if layout == Layout.SPLIT_FOLDERS:
        return _describe_split_folders(table, purpose, cameras, root) + skipped
    dataset = DATASETS[layout]
    description = dataset.variant(variant).description
    release = dataset.release(root) if dataset.release and root else ""
    title = f"{dataset.title}{' ' + release if release else ''}{' layout' if dataset.page else ''}"
    parts = [title, *([description] if description else []), purpose]
    if table.tracklets is not None:
        parts.append(f"{len(set(table.tracklets.tolist()) - {-1}):,} tracklets")
    parts.append(f"{cameras} from {dataset.cameras_from}" if count else "no cameras")
    withdrawn = f". {dataset.note}" if dataset.access == "withdrawn" else ""
    return ", ".join(parts) + skipped + withdrawn


def _describe_folder(table: ImageTable, crops: str, cameras: str) -> str:
    mixed = parts_of_paths(table.paths)
    mix = f", {', '.join(mixed)} mixed as one pool, since data.layout asks for it" if mixed else ""
    return f"Folder of images, {crops}, {_cameras_of(table, cameras, table.paths)}{mix}"


def _describe_split_folders(table: ImageTable, purpose: str, cameras: str, root: Path | None) -> str:
    read = table.paths[0].partition("/")[0]
    available = part_folders(root) if root else {}
    scored = {folder_of(available, part) for part in ("query", "gallery")}
    others = [name for name in folder.subfolders(root) if name.name not in {read, *scored}] if root else []
    unread = f"; not read: {', '.join(name.name for name in others)}" if others else ""
    below = tuple(path.partition("/")[2] for path in table.paths)
    return f"Split folders, {purpose} from {read}, {_cameras_of(table, cameras, below)}{unread}"


def _cameras_of(table: ImageTable, cameras: str, paths: tuple[str, ...]) -> str:
    """Where the cameras are read from; without cameras, the reason or a suggested pattern."""
    if table.camera_names:
        unknown = int((table.cameras < 0).sum())
        return f"{cameras} from the paths" + (f" ({unknown:,} crops of unknown camera)" if unknown else "")
    named = [folder.CAMERA_IN_NAME.match(path.rpartition("/")[2]) is not None for path in paths]
    if any(named) and not all(named):
        unmatched = paths[named.index(False)]
        return (
            f"no cameras: {sum(named):,} file names contain one as in Market-1501, {len(named) - sum(named):,} do "
            f"not, the first is {unmatched}"
        )
    hint = folder.suggest_pattern(paths)
    return "no cameras" + (f"; if the paths contain cameras, try the camera pattern '{hint}'" if hint else "")


def _skipped(root: Path) -> str:
    """The skipped files that may be meant as crops, as text."""
    counts = possible_crops(skipped_files(root)) if root.is_dir() else {}
    return f"; {describe_skipped(counts)}" if counts else ""


def _layout(root: Path) -> str | None:
    DATASETS.load()
    known = sorted(
        DATASETS.items(), key=lambda row: row[0] in set(Layout)
    )  # stable: those of other packages first
    return next((layout for layout, dataset in known if dataset.matches(root)), None)

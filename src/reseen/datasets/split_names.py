"""Folders and shards that are called like the parts of a data set: train, query, gallery, val, test."""

from pathlib import Path

from reseen.datasets.folder import first_image, subfolders

_NAMES = {
    "train": (
        "train_all",
        "trainval",
        "train",
        "training",
        "bounding_box_train",
        "image_train",
        "bbox_train",
    ),
    "query": ("query", "queries", "probe", "image_query"),
    "gallery": ("gallery", "bounding_box_test", "image_test"),
    "held out": ("val", "valid", "validation", "test", "testing", "bbox_test", "multi_query", "gt_bbox"),
}
_PARTS = {name: part for part, names in _NAMES.items() for name in names}


def part_of(name: str) -> str | None:
    """`train`, `query`, `gallery` or `held out` for a name of a part; None for any other name. Case does not matter."""
    return _PARTS.get(name.lower().replace("-", "_").replace(" ", "_"))


def part_folders(root: Path) -> dict[str, str]:
    """Names of the folders directly below `root` that are parts, each with its part; those with an image alone."""
    named = {folder.name: part for folder in subfolders(root) if (part := part_of(folder.name))}
    return {name: part for name, part in named.items() if first_image(root / name) is not None}


def folder_of(folders: dict[str, str], part: str) -> str | None:
    """The folder that is read for a part: `train_all` before `train`; None where there is none."""
    order = _NAMES[part]
    held = [name for name, its_part in folders.items() if its_part == part]
    return min(
        held, key=lambda name: order.index(name.lower().replace("-", "_").replace(" ", "_")), default=None
    )


def parts_of_paths(paths: tuple[str, ...] | list[str]) -> list[str]:
    """Names of parts among the first folders of relative paths, sorted."""
    first = {path.partition("/")[0] for path in paths if "/" in path}
    return sorted(name for name in first if part_of(name))

"""Recognition of folders and shards that are named like a split: train, query, gallery, val, test."""

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
    """The split that a name means: `train`, `query`, `gallery` or `held out` (val, test); None for other names.

    Letter case is ignored.
    """
    return _PARTS.get(name.lower().replace("-", "_").replace(" ", "_"))


def part_folders(root: Path) -> dict[str, str]:
    """Folders directly below `root` that are named like a split and contain an image, each with its split."""
    named = {folder.name: part for folder in subfolders(root) if (part := part_of(folder.name))}
    return {name: part for name, part in named.items() if first_image(root / name) is not None}


def folder_of(folders: dict[str, str], part: str) -> str | None:
    """The folder to read for a split, preferring `train_all` over `train`; None if there is none."""
    order = _NAMES[part]
    candidates = [name for name, folder_part in folders.items() if folder_part == part]
    return min(
        candidates,
        key=lambda name: order.index(name.lower().replace("-", "_").replace(" ", "_")),
        default=None,
    )


def parts_of_paths(paths: tuple[str, ...] | list[str]) -> list[str]:
    """Sorted names of the top-level folders in relative paths that are named like a split."""
    first = {path.partition("/")[0] for path in paths if "/" in path}
    return sorted(name for name in first if part_of(name))

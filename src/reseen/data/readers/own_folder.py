"""Benchmarks that are unpacked into a folder of their own name."""

from pathlib import Path


def own_folder(root: Path, name: str) -> Path:
    """The folder `name` below `root`, or `root` itself, which may be that folder."""
    return root / name if (root / name).is_dir() else root

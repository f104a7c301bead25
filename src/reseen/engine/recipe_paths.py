"""Which files a recipe file may name: those beside and below it, so that a stranger's recipe reads nothing else."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reseen.errors import SettingsError

PATHS: dict[str, tuple[str, ...]] = {
    "model.weights": ("hub", "none"),
    "model.start": (),
    "data.cache_dir": (),
    "data.labels": (),
    "data.constraints": (),
}
"""Settings that name a file or folder, and the words there that do not."""


def resolve_paths(
    values: Mapping[str, Any], file: Path, flags: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The settings in a recipe `file` with its relative paths made absolute: they start from the file's folder.

    A path that a flag sets too is passed over, since the flag wins.

    Raises:
        SettingsError: a path leads out of the file's folder, by itself, by `..` or by a link.
    """
    resolved = dict(values)
    folder = file.parent.resolve()
    for setting, words in PATHS.items():
        section, name = setting.split(".")
        given = resolved.get(section)
        value = given.get(name) if isinstance(given, Mapping) else None
        overruled = (flags or {}).get(section)
        if value is None or value in words or (isinstance(overruled, Mapping) and name in overruled):
            continue
        if not _lies_within(folder, str(value)):
            raise SettingsError(
                f"{file.name}: {setting}: {value} lies outside of the recipe's folder {folder}, and a recipe names "
                f"files beside and below itself; if you want it, say so: --{setting} {value}, or --trust-recipe-paths"
            )
        resolved[section] = {**dict(given or {}), name: os.path.normpath(folder / str(value))}
    return resolved


def _lies_within(folder: Path, value: str) -> bool:
    if value.startswith("~") or Path(value).is_absolute() or ".." in Path(value).parts:
        return False
    try:
        return (folder / value).resolve().is_relative_to(folder)
    except (OSError, ValueError, RuntimeError):  # a link to itself, a zero in the name
        return False

"""A list of files for other programs: a line for each, or ended by null characters, which no name can hold."""

import os
from collections.abc import Sequence
from pathlib import Path

from reseen.errors import SettingsError
from reseen.files import write_atomically
from reseen.text import printable


def check_file_list(paths: Sequence[str], null: bool) -> None:
    """Raise where a path would look like two.

    Raises:
        SettingsError: a path holds a line break, and the list would have a line for each.
    """
    broken = [path for path in paths if "\n" in path or "\r" in path]
    if broken and not null:
        raise SettingsError(
            f"--files: {len(broken):,} of {len(paths):,} paths hold a line break, the first is "
            f"{printable(broken[0])[:200]}; add --null (-0), which ends each by a null character, for `xargs -0`"
        )


def write_file_list(file: Path, paths: Sequence[str], null: bool = False) -> None:
    """Write paths, each ended by a line break or, with `null`, by a null character.

    Raises:
        SettingsError: as in `check_file_list`.
        StorageError: the place cannot be written.
    """
    check_file_list(paths, null)
    content = b"".join(os.fsencode(path) + (b"\0" if null else b"\n") for path in paths)

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    write_atomically(file, write)

"""File lists for other programs: paths terminated by newlines, or by null characters as for `xargs -0`."""

import os
from collections.abc import Sequence
from pathlib import Path

from reseen.errors import SettingsError
from reseen.files import write_atomically
from reseen.text import printable


def check_file_list(paths: Sequence[str], null: bool) -> None:
    """Check that newlines can separate the paths.

    Raises:
        SettingsError: a path contains a line break, and `null` is not set.
    """
    multiline = [path for path in paths if "\n" in path or "\r" in path]
    if multiline and not null:
        raise SettingsError(
            f"--files: {len(multiline):,} of {len(paths):,} paths contain a line break, such as "
            f"{printable(multiline[0])[:200]}; add --null (-0), which terminates paths by null characters, "
            "for `xargs -0`"
        )


def write_file_list(file: Path, paths: Sequence[str], null: bool = False) -> None:
    """Write paths, each terminated by a newline or, with `null`, by a null character.

    Raises:
        SettingsError: as in `check_file_list`.
        StorageError: the file cannot be written.
    """
    check_file_list(paths, null)
    content = b"".join(os.fsencode(path) + (b"\0" if null else b"\n") for path in paths)

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    write_atomically(file, write)

"""`--plugin FILE.py`, which every command takes: a file that registers methods, clusterings, readers or stores."""

from collections.abc import Sequence
from pathlib import Path


def load_plugins(tokens: Sequence[str]) -> list[str]:
    """Load the files of `--plugin FILE` and `--plugin=FILE`, wherever they are in a command line; returns the rest.

    Args:
        tokens: the command line, without the program's name.

    Raises:
        SettingsError: a file is missing or fails, or `--plugin` has no value.
    """
    from reseen.errors import SettingsError
    from reseen.registry import load_plugin

    remaining: list[str] = []
    queue = list(tokens)
    while queue:
        token = queue.pop(0)
        if token == "--plugin":
            if not queue:
                raise SettingsError(
                    "--plugin needs a value: a Python file that registers a method or another part"
                )
            load_plugin(Path(queue.pop(0)))
        elif token.startswith("--plugin="):
            load_plugin(Path(token.partition("=")[2]))
        else:
            remaining.append(token)
    return remaining

"""`reseen completion`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def completion(
    shell: Literal["bash", "zsh", "fish"],
    /,
    *,
    install: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Complete commands and flags by the Tab key: print the script of a shell, or install it.

    Parameters
    ----------
    shell
        The shell: bash, zsh or fish.
    install
        Write the script where the shell finds it, and a line to the shell's startup file where it needs one.
    """
    from reseen.cli.app import build_app
    from reseen.files import storage_error

    app = build_app()
    if not install:
        print(app.generate_completion(shell=shell))
        return
    try:
        place = app.install_completion(shell=shell)
    except OSError as error:
        raise storage_error(Path.home(), error) from None
    print(f"{place}: written; it takes effect in a new {shell}")

"""`reseen view`."""

from pathlib import Path


def view(
    what: str,
    *,
    data: Path | None = None,
    run: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    browser: bool = True,
    token: str | None = None,
    quiet: bool = False,
) -> int:
    """Look at a gallery or a run in the browser: clusters, mends, a map, search.

    A run is indexed into its own folder first, or that index is brought up to date.

    Parameters
    ----------
    what
        A gallery: a folder, qdrant://... or postgresql://...; or the folder of a run.
    data
        Crops of a run that is given; those it learned from when not given.
    run
        Where the run of a gallery is now, when it was moved.
    host
        The address to listen on; the default cannot be reached from other machines.
    port
        The port; 0 is any that is free.
    browser
        Open the browser.
    token
        A secret of your own for programs, at least 16 letters and digits; other users of this machine can see command
        lines, so the variable RESEEN_TOKEN is the better place.
    quiet
        Show no progress.
    """
    from reseen.gallery.in_use import RUN_GALLERY, refuse_if_in_use

    for address in (what, f"{what}/{RUN_GALLERY}") if "://" not in what else ():
        refuse_if_in_use(address)  # before torch is imported
    import os

    from rich.console import Console

    from reseen.viewer.open import view_gallery

    console = Console(highlight=False)

    def say(words: str) -> None:
        console.print(words, markup=False, soft_wrap=True)

    secret = token or os.environ.get("RESEEN_TOKEN") or None
    view_gallery(what, data, run, host, port, secret, browser=browser, quiet=quiet, say=say)
    return 0

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
    """View a gallery or a run in the browser: people, clusters, review, map, search.

    A run is first indexed into its own folder, or that index is updated.

    Parameters
    ----------
    what
        A gallery (a folder, qdrant://... or postgresql://...) or a run folder.
    data
        With a run: the crops to index; default: its training data.
    run
        With a gallery: the model's run folder, if it was moved since indexing.
    host
        The address to listen on; the default is not reachable from other machines.
    port
        The port; 0: any free port.
    browser
        Open the browser.
    token
        API token for programs, at least 16 letters and digits. Other users of this machine can see command lines, so
        prefer the environment variable RESEEN_TOKEN.
    quiet
        Hide progress.
    """
    if not quiet:
        print("Starting the viewer ...", flush=True)  # torch, loaded below, takes seconds
    from reseen.gallery.in_use import RUN_GALLERY, refuse_if_in_use

    for address in (what, f"{what}/{RUN_GALLERY}") if "://" not in what else ():
        refuse_if_in_use(address, to_serve=True)  # before torch is imported
    import os

    from rich.console import Console

    from reseen.viewer.open import view_gallery

    console = Console(highlight=False)

    def say(message: str) -> None:
        console.print(message, markup=False, soft_wrap=True)

    secret = token or os.environ.get("RESEEN_TOKEN") or None
    view_gallery(what, data, run, host, port, secret, browser=browser, quiet=quiet, say=say)
    return 0

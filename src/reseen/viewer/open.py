"""Opens a run or a gallery and serves the viewer: the implementation of `reseen view`."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from reseen.errors import RunError
from reseen.gallery.gallery import open_gallery
from reseen.gallery.in_use import RUN_GALLERY, refuse_if_in_use
from reseen.gallery.index import index_run
from reseen.gallery.serving_file import remove_serving_file, write_serving_file
from reseen.runs.cluster_file import CLUSTERS
from reseen.runs.console import RunView
from reseen.runs.load_table import load_other_table
from reseen.runs.run import RECIPE, open_run
from reseen.viewer.security import Access, is_loopback
from reseen.viewer.server import base_url, listen, make_app, serve
from reseen.viewer.viewer import Viewer


def view_gallery(
    target: str,
    data: Path | None,
    run: Path | None,
    host: str,
    port: int,
    secret: str | None,
    *,
    browser: bool,
    quiet: bool,
    say: Callable[[str], None],
) -> None:
    """Serve the viewer of a gallery or a run until Ctrl-C. A run is first indexed into a gallery in its folder.

    Args:
        target: address of a gallery, or folder of a run.
        data: crops of a run; its training crops if None.
        run: folder of the run that a gallery was made with, if it was moved.
        host: address to listen on.
        port: port to listen on; 0 selects a free one.
        secret: API secret; generated if None.
        browser: open the default browser.
        quiet: show no progress.
        say: called with each line for the user.

    Raises:
        SettingsError: the address cannot be bound, or the secret is too weak.
        RunError: the crops of the run are unknown or were moved, and `data` is None.
        GalleryError: there is no gallery, or it is damaged or in use.
    """
    access = Access(secret)
    with closing(listen(host, port)) as listener:
        address = target
        if (Path(target).expanduser() / RECIPE).is_file():
            run = Path(target).expanduser()
            address = _index(run, data, quiet)
        refuse_if_in_use(address, to_serve=True)
        with open_gallery(address, run) as gallery:
            for note in gallery.notes:
                say(note)
            with RunView(0, quiet) as view:
                viewer = Viewer(gallery, view.phase("reading", gallery.store.describe().count))
            app = make_app(viewer, access, host)
            if not is_loopback(host):
                say(
                    f"Listening on {host}: other machines can connect, and the traffic is not encrypted. "
                    "An SSH tunnel (ssh -L) to the default host is safer."
                )
            with _serving(gallery.address, base_url(listener, host), access.secret):
                serve(app, access, listener, host, say, browser)


@contextmanager
def _serving(address: str, url: str, secret: str) -> Iterator[None]:
    """Let other commands of this user find the viewer; only a folder is locked, so that only there they need it."""
    folder = Path(address)
    if "://" in address or not os.access(folder, os.W_OK):
        yield
        return
    write_serving_file(folder, url, secret)
    try:
        yield
    finally:
        remove_serving_file(folder)


def _index(folder: Path, data: Path | None, quiet: bool) -> str:
    """Create or update the gallery in a run's folder and return its address."""
    run = open_run(folder)
    crops = data or run.facts.get("root")
    if crops is None or (data is None and not Path(crops).is_dir()):
        problem = (
            f"its crops are no longer at {crops}" if crops else "the location of its crops is not recorded"
        )
        raise RunError(f"{folder}: {problem}; pass --data")
    address = str(folder / RUN_GALLERY)
    table = load_other_table(run.recipe, crops)
    # The fingerprint does not depend on the location, so the clusters of a run also apply to moved crops.
    clusters = folder / CLUSTERS
    applies = clusters.is_file() and table.fingerprint == run.facts["data"]
    index_run(run, table, address, clusters=clusters if applies else None, quiet=quiet)
    return address

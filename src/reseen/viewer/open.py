"""Opens a run or a gallery and serves the viewer: the implementation of `reseen view`."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from reseen.errors import RunError
from reseen.gallery.gallery import open_gallery
from reseen.gallery.in_use import RUN_GALLERY
from reseen.gallery.index import index_run
from reseen.runs.cluster_file import CLUSTERS
from reseen.runs.console import RunView
from reseen.runs.load_table import load_other_table
from reseen.runs.run import RECIPE, open_run
from reseen.viewer.security import Access, is_loopback
from reseen.viewer.server import listen, make_app, serve
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
            serve(app, access, listener, host, say, browser)


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

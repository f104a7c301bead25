"""From a run or a gallery to the page in the browser."""

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
from reseen.viewer.access import Access, is_loopback
from reseen.viewer.server import listen, make_app, serve
from reseen.viewer.viewer import Viewer


def view_gallery(
    what: str,
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
    """Serve a gallery, or that of a run, until Ctrl-C.

    Args:
        what: the address of a gallery, or a run's folder.
        data: the crops of a run; those it learned from when not given.
        run: where the run of a gallery is.
        host: the address to listen on.
        port: 0 is any.
        secret: what programs send; drawn when not given.
        browser: open one.
        quiet: show no progress.
        say: takes the lines that a person must see.

    Raises:
        SettingsError: the address cannot be listened on, or the secret is too short.
        RunError: the run does not say where its crops are, and `data` is not given.
        GalleryError: there is no gallery, or it is damaged or in use.
    """
    access = Access(secret)
    with closing(listen(host, port)) as listening:
        address = what
        if (Path(what).expanduser() / RECIPE).is_file():
            run = Path(what).expanduser()
            address = _index(run, data, quiet)
        with open_gallery(address, run) as gallery:
            for note in gallery.notes:
                say(note)
            with RunView(0, quiet) as view:
                viewer = Viewer(gallery, view.phase("reading", gallery.store.describe().count))
            app = make_app(viewer, access, host)
            if not is_loopback(host):
                say(
                    f"Listening on {host}: other machines can reach this, and what they send and see is not encrypted. "
                    "A tunnel (ssh -L) to the default host is safer."
                )
            serve(app, access, listening, host, say, browser)


def _index(folder: Path, data: Path | None, quiet: bool) -> str:
    """Bring the gallery in a run's folder up to date and return its address."""
    run = open_run(folder)
    crops = data or run.facts.get("root")
    if crops is None or (data is None and not Path(crops).is_dir()):
        where = f"its crops are not at {crops} any more" if crops else "it does not say where its crops are"
        raise RunError(f"{folder}: {where}; name them with --data")
    address = str(folder / RUN_GALLERY)
    table = load_other_table(run.recipe, crops)
    # Crops that were moved are the same: their clusters are those of the run wherever they lie.
    own = folder / CLUSTERS
    same = own.is_file() and table.fingerprint == run.facts["data"]
    index_run(run, table, address, clusters=own if same else None, quiet=quiet)
    return address

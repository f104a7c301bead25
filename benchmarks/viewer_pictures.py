"""Make the pictures of the viewer that the documentation shows, from a gallery, such as that of the demo.

    reseen demo demo && reseen index demo/run --data demo/data/train --gallery demo/gallery
    python benchmarks/viewer_pictures.py demo/gallery [--out docs/images]

People are made of the clusters, some with names and corrections, in a journal that is gone afterwards. The browser is
the Chromium at hand without a window; RESEEN_CHROMIUM names another.
"""

import argparse
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
NAMES = ("Anna", "Ben", "Cleo", "David")


class Picture(NamedTuple):
    """A picture of a page."""

    file: str
    path: str
    keys: tuple[str, ...] = ()
    """Keys that are pressed before."""
    ready: str = "main h1"
    """Selector of what is waited for."""


def main() -> int:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description="Make the pictures of the viewer.", allow_abbrev=False)
    parser.add_argument("gallery")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "images")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _served(arguments.gallery, Path(folder)) as (app, address):
        for picture in _take(app, address, arguments.out):
            print(picture)
    return 0


@contextmanager
def _served(gallery: str, folder: Path) -> Iterator[tuple[Any, str]]:
    """The application over a gallery, and its login URL."""
    from reseen.gallery.gallery import open_gallery
    from reseen.viewer.security import Access
    from reseen.viewer.server import base_url, listen, make_app, make_server
    from reseen.viewer.viewer import Viewer

    with open_gallery(gallery) as opened:
        access, listener = Access(), listen("127.0.0.1", 0)
        app = make_app(Viewer(opened), access, journal=folder / "mends.jsonl")
        server = make_server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield app, f"{base_url(listener, '127.0.0.1')}/?token={access.login_token}"
        server.should_exit = True
        thread.join()


def _prepare(app: Any) -> int:
    """Make people, name some and confirm some crops; returns the id of the one whose page is shown."""
    from reseen.viewer.edits.people_edits import update_people

    editor = app.state.editor
    update_people(editor, editor.viewer.snapshot.version)
    largest = sorted(editor.people.all(), key=lambda one: -one.size)[: len(NAMES)]
    for person, name in zip(largest, NAMES, strict=False):
        _edit(app, lambda people, one=person, to=name: people.rename(one.id, to))
        _edit(app, lambda people, one=person: people.confirm(one.keys[: one.size // 2]))
    first, second = largest[:2]
    _edit(app, lambda people: people.move(second.keys[-1:], first.id))
    return first.id


def _edit(app: Any, edit: Any) -> None:
    app.state.editor.edit_people(app.state.viewer.snapshot.version, edit)


def _take(app: Any, login_url: str, out: Path) -> Iterator[Path]:
    from playwright.sync_api import sync_playwright

    program = os.environ.get("RESEEN_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    person = _prepare(app)
    key = app.state.editor.people.get(person).keys[0]
    pictures = (
        Picture("viewer-clusters.png", "/clusters"),
        Picture("viewer-review.png", "/review"),
        Picture("viewer-search.png", f"/search?key={key}", ready=".match"),
        Picture("viewer-map.png", "/map", ready="#map[data-ready]"),
        Picture("viewer-people.png", "/people"),
        Picture("viewer-person.png", f"/people/{person}", ("ArrowDown", "ArrowRight", "Space")),
    )
    address = login_url.partition("/?")[0]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 820}, color_scheme="light")
        page.set_default_timeout(600_000)
        page.goto(login_url)
        page.wait_for_selector("header.top")
        for picture in pictures:
            page.goto(address + picture.path)
            page.wait_for_selector(picture.ready)
            for pressed in picture.keys:
                page.keyboard.press(pressed)
            page.wait_for_load_state("networkidle")
            file = out / picture.file
            page.screenshot(path=file)
            yield file
        browser.close()


if __name__ == "__main__":
    sys.exit(main())

"""Take the pictures of the viewer's pages in the documentation: `docs/images/viewer-*.png`.

    python docs/images/draw_clusters.py --keep FOLDER
    python docs/images/draw_viewer.py FOLDER/run --data FOLDER/crowd [--out FOLDER]

The crops of a run on a drawn crowd are indexed into a temporary gallery. Questions are answered by the names of the
files, as somebody would who knows the drawn people, until there is a threshold. People are made of the clusters, and
the largest get names. The query is the crop whose tenth result is the most similar. Needs Chromium.
"""

import argparse
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright

import reseen
from reseen.gallery.people.people import People
from reseen.geometry import unit
from reseen.viewer.edits.people_edits import update_people
from reseen.viewer.security import Access
from reseen.viewer.server import base_url, listen, make_app, make_server
from reseen.viewer.viewer import Viewer

IMAGES = Path(__file__).parent
SIZE = {"width": 1180, "height": 720}
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PICTURES = """() => Array.from(document.images)
    .filter(image => image.getBoundingClientRect().top < innerHeight).every(image => image.complete)"""
"""Whether every picture that is in view has been loaded."""
MILLISECONDS = 1_200_000
"""After which a page that is not there is an error."""
GALLERY = "galleries/mine"
QUESTIONS = 120
"""Most questions that are answered."""
NAMES = ("Anna", "Ben", "Cleo", "David")
"""Of the largest people."""


@dataclass(frozen=True)
class Served:
    """A viewer that runs."""

    app: FastAPI
    viewer: Viewer
    login: str
    address: str


def main() -> None:
    """Index, answer, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=IMAGES)
    arguments = parser.parse_args()
    run, data, out = (path.absolute() for path in (arguments.run, arguments.data, arguments.out))
    with tempfile.TemporaryDirectory() as folder, chdir(folder):  # pages show where the gallery is
        reseen.index_run(run, data, GALLERY)
        with reseen.open_gallery(GALLERY, run) as gallery, served(gallery) as viewer:
            answered = answer_by_names(viewer, QUESTIONS)
            print(f"{answered} questions answered")
            person = name_people(viewer)
            program = os.environ.get("RESEEN_CHROMIUM") or shutil.which("chromium")
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=program, args=FLAGS)
                for file in take(browser, viewer, person, out):
                    print(f"{file}: {file.stat().st_size / 1000:.0f} kB")
                browser.close()


@contextmanager
def served(gallery: reseen.Gallery) -> Iterator[Served]:
    """A viewer of a gallery on a free port."""
    viewer, access = Viewer(gallery), Access()
    app, listener = make_app(viewer, access), listen("127.0.0.1", 0)
    server = make_server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    address = base_url(listener, "127.0.0.1")
    try:
        yield Served(app, viewer, f"{address}/?token={access.login_token}", address)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def answer_by_names(served: Served, most: int) -> int:
    """Answer questions by the number that file names begin with, until trust is medium; returns how many."""
    questions = served.app.state.questions
    for count in range(most):
        state, collection = questions.state(), served.viewer.snapshot.collection
        if state.pair is None or (state.calibration is not None and state.calibration.trusted):
            return count
        people = {Path(collection.entries[row].image).name.split("_")[0] for row in state.pair}
        verdict = "same" if len(people) == 1 else "different"
        questions.answer(state.version, [collection.keys[row] for row in state.pair], verdict)
    return most


def name_people(served: Served) -> int:
    """Make people of the clusters, name the largest and confirm half of their crops; returns one of them."""
    editor = served.app.state.editor

    def edit(change: Callable[[People], object]) -> None:
        editor.edit_people(served.viewer.snapshot.version, change)

    update_people(editor, served.viewer.snapshot.version)
    largest = sorted(editor.people.all(), key=lambda person: -person.size)[: len(NAMES)]
    for person, name in zip(largest, NAMES, strict=False):
        edit(lambda people, one=person, name=name: people.rename(one.id, name))
        edit(lambda people, one=person: people.confirm(one.keys[: one.size // 2]))
    return largest[0].id


def take(browser: Browser, served: Served, person: int, out: Path) -> list[Path]:
    """Pictures of the pages, written to the folder `out`."""
    collection = served.viewer.snapshot.collection
    vectors = unit(torch.from_numpy(collection.vectors.astype(np.float32)))
    tenth = (vectors @ vectors.T).topk(11).values[:, -1]  # the first is the crop itself
    key = collection.keys[int(tenth.argmax())]
    pages = {"clusters": "/clusters", "questions": "/questions", "review": "/review"}
    pages |= {"search": f"/search?key={key}", "map": "/map?layout=neighbors"}
    pages |= {"people": "/people", "person": f"/people/{person}"}
    page, files = browser.new_page(viewport=SIZE), []
    page.goto(served.login)
    page.wait_for_selector("header.top")
    for name, path in pages.items():
        page.goto(served.address + path)
        wait(page, name)
        files.append(out / f"viewer-{name}.png")
        page.screenshot(path=files[-1])
    page.close()
    return files


def wait(page: Page, name: str) -> None:
    """Wait until a page shows everything, its pictures among them."""
    if name == "map":
        page.wait_for_selector("#map[data-ready]", timeout=MILLISECONDS)
        page.wait_for_timeout(1000)  # points move to their places
    page.wait_for_load_state("networkidle")
    while not page.evaluate(PICTURES):  # the page forbids what `wait_for_function` does
        page.wait_for_timeout(50)


if __name__ == "__main__":
    main()

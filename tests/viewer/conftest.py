"""A gallery of a drawn crowd, a server over it, and a real browser in front of it.

Clusters are made from the names of the drawn people, with errors to correct: cluster 0 holds two people, clusters 1 and
2 are one person, and some crops are in none.
"""

import os
import re
import shutil
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Error, sync_playwright
from tests.limits import HANG_MILLISECONDS, HANG_SECONDS

import reseen
from reseen.data.crops import open_crops
from reseen.datasets import read_training
from reseen.export.fingerprint import ModelIdentity, identify
from reseen.features.extract import extract
from reseen.gallery.deletion_log import deletion_log_file
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.gallery import Gallery
from reseen.gallery.stores.in_memory import MemoryStore
from reseen.gallery.thumbnail import thumbnail
from reseen.viewer.edits.editor import Editor
from reseen.viewer.security import Access
from reseen.viewer.server import base_url, listen, make_app, make_server
from reseen.viewer.viewer import Viewer

_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

_MISTAKES = {1: 0, 2: 0, 3: 1}
"""Cluster of the first people; half of person 3 is in cluster 2, and the others follow from 3 on."""


@dataclass(frozen=True)
class Filled:
    """What every test starts from: not to be changed."""

    crowd: Path
    run: reseen.Run
    content: Entries
    identity: ModelIdentity
    """Of the run's encoder, which takes longer to build than a gallery."""


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    """The entries of a drawn crowd of 12 people, embedded by a run of two rounds."""
    folder = tmp_path_factory.mktemp("viewer")
    cache = os.environ.get("RESEEN_CACHE")
    os.environ["RESEEN_CACHE"] = str(folder / "cache")
    try:
        crowd = folder / "crowd"
        reseen.draw_crowd(crowd, people=24, cameras=3, height=96, width=48, processes=1, progress=False)
        run = reseen.train(reseen.load_recipe("cluster-contrast", TINY), crowd, folder / "run", quiet=True)
        crops = open_crops(read_training(crowd), run.recipe.data, 64, 32, progress=False)
        vectors = extract(run.encoder(), crops, "cpu").numpy
    finally:
        os.environ.pop("RESEEN_CACHE") if cache is None else os.environ.__setitem__("RESEEN_CACHE", cache)
    table = crops.table
    people = [int(Path(path).name[:4]) for path in table.texts]
    order = {person: place for place, person in enumerate(sorted(set(people)), start=1)}
    entries, seen = [], {}
    for row, path in enumerate(table.texts):
        person = order[people[row]]
        seen[person] = seen.get(person, 0) + 1
        number = _MISTAKES.get(person, person - 1)
        if person == 3 and seen[person] % 2:
            number = 2
        if person > 3 and seen[person] == 1:
            number = -1
        entries.append(
            Entry(
                str(table.root), path, thumbnail(table.source(row)), table.camera_names[table.cameras[row]],
                1_000_000.0 + int(re.search(r"_(\d{6})_", path)[1]), row // 3, number,
            )
        )  # fmt: skip
    return Filled(crowd, run, Entries(entries, vectors), identify(run, run.encoder()))


TINY = [
    "--model.backbone", "test_efficientnet", "--model.weights", "none", "--model.norm-group", "8",
    "--data.height", "64", "--data.width", "32", "--method.sampler.clusters-per-batch", "4",
    "--method.sampler.images-per-cluster", "4", "--method.clustering.jaccard.k1", "8",
    "--method.clustering.jaccard.k2", "3",
    "--method.clustering.eps", "auto", "--train.rounds", "2", "--train.iterations", "3", "--train.device", "cpu",
]  # fmt: skip


@pytest.fixture
def gallery(filled):
    """A gallery of its own for each test."""
    store = MemoryStore(filled.identity)
    store.add(Entries([replace(entry) for entry in filled.content.entries], filled.content.vectors.copy()))
    return Gallery(store, filled.run)


@dataclass
class Served:
    """A running viewer."""

    viewer: Viewer
    access: Access
    address: str
    """Without a slash at the end."""
    editor: Editor | None = None

    @property
    def login_url(self) -> str:
        """The login URL, which works once."""
        return f"{self.address}/?token={self.access.login_token}"

    def client(self) -> httpx.Client:
        """A program that holds the secret."""
        return httpx.Client(
            base_url=self.address,
            headers={"Authorization": f"Bearer {self.access.secret}"},
            trust_env=False,
            timeout=HANG_SECONDS,
        )


@pytest.fixture
def served(gallery, tmp_path):
    """A viewer over a gallery of its own, on a free port; nobody was forgotten before."""
    deletion_log_file(gallery.address).unlink(missing_ok=True)
    viewer, access = Viewer(gallery), Access()
    listening = listen("127.0.0.1", 0)
    app = make_app(viewer, access, journal=tmp_path / "mends.jsonl")
    server = make_server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield Served(viewer, access, base_url(listening, "127.0.0.1"), app.state.editor)
    server.should_exit = True
    thread.join(10)
    listening.close()


@pytest.fixture(scope="session")
def browser():
    """A real browser, where one is installed."""
    named = os.environ.get("RESEEN_CHROMIUM")
    program = named or next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium here; install one or name it in RESEEN_CHROMIUM")
    with sync_playwright() as driver:
        try:
            started = driver.chromium.launch(executable_path=program, args=_FLAGS, timeout=HANG_MILLISECONDS)
        except Error as error:
            pytest.skip(f"{program} does not start: {str(error).splitlines()[0]}")
        yield started
        started.close()


@pytest.fixture
def tab(served, browser):
    """A tab that has come in. Whatever the browser complains about fails the test."""
    with _opened(browser, served) as page:
        yield page


@pytest.fixture
def phone(served, browser):
    """The same, 360 pixels wide."""
    with _opened(browser, served, viewport={"width": 360, "height": 740}, has_touch=True) as page:
        yield page


class _opened:  # noqa: N801
    """A context in which a page is open and its complaints are collected."""

    def __init__(self, browser, served, **options):
        self._browser, self._served, self._options = browser, served, options

    def __enter__(self):
        options = {"viewport": {"width": 1280, "height": 800}} | self._options
        self._context = self._browser.new_context(**options)
        self._context.set_default_timeout(HANG_MILLISECONDS)
        self.complaints = []
        self._context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self._context.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if message.type in ("error", "warning") and "GL Driver Message" not in message.text
                else None
            ),
        )
        page = self._context.new_page()
        _wait_for_scripts_too(page)
        page.complaints = self.complaints
        page.goto(self._served.login_url)
        page.wait_for_selector("header.top")  # the address leads on, and `goto` waits for the first page only
        page.wait_for_load_state()
        return page

    def __exit__(self, kind, error, trace):
        self._context.close()
        if kind is None:
            assert not self.complaints


def _wait_for_scripts_too(page):
    """An element can be seen before its page's scripts have run, and until then keys do nothing."""
    wait = page.wait_for_selector

    def wait_for_selector(*arguments, **options):
        found = wait(*arguments, **options)
        page.wait_for_load_state("domcontentloaded")
        return found

    page.wait_for_selector = wait_for_selector


def gallery_of_people(count=6, crops=8):
    """Crops of people with made vectors: of each the first an outlier, the last two a tracklet that is new."""
    generator, dimension = np.random.default_rng(0), 12
    vectors = np.repeat(generator.standard_normal((count, dimension)), crops, axis=0)
    vectors += 0.3 * generator.standard_normal(vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    entries = [
        Entry(
            "/crops", f"{row // crops}/{row % crops}.jpg", camera=f"c{row // 2 % 3}", time=1.7e9 + 60 * row,
            tracklet=row // 2 if row % crops else None,
            cluster={0: -1, crops - 2: None, crops - 1: None}.get(row % crops, row // crops),
        )
        for row in range(len(vectors))
    ]  # fmt: skip
    store = MemoryStore(ModelIdentity("f" * 64, dimension, "cluster-contrast", "resnet18", 64, 32, "/gone"))
    store.add(Entries(entries, vectors.astype(np.float32)))
    return Gallery(store)


def no_sideways_scroll(page):
    """Whether the whole page fits its window's width."""
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")

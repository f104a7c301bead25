"""Other commands of the same user, and other processes, while a viewer shows a gallery."""

import os
import signal
import stat
import subprocess
import sys
import time

import httpx
import pytest
from tests.gallery.conftest import draw
from tests.gallery.stores.conftest import MODEL, open_served
from tests.limits import HANG_SECONDS

import reseen
from reseen.cli import main
from reseen.errors import GalleryError
from reseen.gallery.deletion_log import deleted_keys
from reseen.gallery.entries import Entries
from reseen.gallery.filter import Filter
from reseen.gallery.gallery import Gallery
from reseen.gallery.in_use import refuse_if_in_use
from reseen.gallery.search_gallery import GallerySearchSettings
from reseen.gallery.serving_file import SERVING, ServingProcess, serving_process
from reseen.gallery.stores.edge import EdgeStore
from reseen.gallery.stores.served import ServedStore


def counted(store):
    return sum(len(part) for part in store.scan())


@pytest.fixture
def folder(filled, tmp_path):
    """A gallery that holds all but the last five crops of the crowd."""
    content = filled.content
    with EdgeStore(tmp_path / "gallery", filled.identity, create=True) as store:
        store.add(Entries(content.entries[:-5], content.vectors[:-5]))
    return tmp_path / "gallery"


@pytest.fixture
def shown(folder, filled):
    """The command `view` on that gallery, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "reseen", "view", folder, "--run", filled.run.folder, "--no-browser", "--quiet"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    while serving_process(folder) is None:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.02)
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=HANG_SECONDS)


def facts(viewer):
    answer = httpx.get(
        f"{viewer.url}/api/gallery",
        headers={"Authorization": f"Bearer {viewer.secret}"},
        trust_env=False,
        timeout=HANG_SECONDS,
    )
    assert answer.status_code == 200
    return answer.json()


def test_index_search_and_forget_work_through_the_viewer(shown, folder, filled, tmp_path, capsys):
    viewer = serving_process(folder)
    assert viewer.process == str(shown.pid)
    mode = stat.S_IMODE((folder / SERVING).stat().st_mode)
    assert mode == 0o600
    count = len(filled.content)
    assert facts(viewer)["count"] == count - 5

    done = reseen.index_run(filled.run, filled.crowd, folder, quiet=True)
    assert (done.added, done.count) == (5, count)
    assert facts(viewer)["count"] == count

    entry = filled.content.entries[-1]
    image = f"{entry.source}/{entry.image}"
    found = reseen.search_gallery(folder, [image], GallerySearchSettings(top=3), run=filled.run.folder)
    best = found.searches[0].matches[0]
    assert (best.entry.image, round(best.similarity, 3)) == (entry.image, 1)

    command = ["forget", str(folder), "--image", entry.image, "--yes", "--run", str(filled.run.folder)]
    assert main(command) == 0, capsys.readouterr()
    assert facts(viewer)["count"] == count - 1
    assert deleted_keys(str(folder)) == {entry.key}
    assert reseen.index_run(filled.run, filled.crowd, folder, quiet=True).forgotten == 1

    capsys.readouterr()
    assert main(["view", str(folder), "--no-browser", "--quiet"]) == 2
    said = capsys.readouterr().err
    assert f"shows this gallery already, at {viewer.url} (process {shown.pid})" in said

    shown.send_signal(signal.SIGINT)
    assert shown.wait(HANG_SECONDS) == 0
    assert not (folder / SERVING).exists()
    with reseen.open_gallery(folder) as gallery:
        assert isinstance(gallery.store, EdgeStore)
        assert counted(gallery.store) == count - 1


def test_a_viewer_that_ends_while_a_command_works_is_one_line_and_the_command_goes_on_later(
    shown, folder, filled
):
    with reseen.open_gallery(folder, filled.run) as gallery:
        assert isinstance(gallery.store, ServedStore)
        shown.kill()
        shown.wait()
        with pytest.raises(
            GalleryError, match=rf"\(process {shown.pid}\) does not answer .*; if it has ended, rerun"
        ):
            gallery.store.describe()
    assert (folder / SERVING).exists()  # left behind, and nobody believes it
    assert serving_process(folder) is None
    assert reseen.index_run(filled.run, filled.crowd, folder, quiet=True).added == 5


@pytest.fixture
def served_store(tmp_path):
    with open_served(tmp_path / "gallery", MODEL, create=True) as store:
        store.add(draw(40))
        yield store


@pytest.mark.skipif(os.name == "nt", reason="no such permissions")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_may_touch_is_not_believed(served_store, tmp_path, mode):
    folder = tmp_path / "gallery"
    refuse_if_in_use(folder)
    (folder / SERVING).chmod(mode)
    assert serving_process(folder) is None
    with pytest.raises(
        GalleryError, match=rf"another process \(ID {os.getpid()}\) has this gallery open; wait for it"
    ):
        refuse_if_in_use(folder)


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", '{"url": 5, "secret": "a", "process": "1"}',
        '{"url": "ftp://x", "secret": "a", "process": "PID"}',
        '{"url": "http://127.0.0.1:1", "secret": "a\\nX: b", "process": "PID"}',
        '{"url": "http://127.0.0.1:1", "secret": "a", "process": "1"}',
    ],
)  # fmt: skip
def test_a_file_of_something_else_is_not_believed(served_store, tmp_path, content):
    file = tmp_path / "gallery" / SERVING
    file.write_text(content.replace("PID", str(os.getpid())))
    assert serving_process(tmp_path / "gallery") is None


def test_a_link_is_not_followed(served_store, tmp_path):
    file = tmp_path / "gallery" / SERVING
    assert isinstance(serving_process(file.parent), ServingProcess)
    file.rename(tmp_path / "elsewhere.json")
    file.symlink_to(tmp_path / "elsewhere.json")
    assert serving_process(file.parent) is None


def test_another_secret_is_refused(served_store):
    stranger = ServedStore.__new__(ServedStore)
    stranger.__dict__ |= vars(served_store)
    stranger._viewer = ServingProcess(served_store._viewer.url, "x" * 20, served_store._viewer.process)
    with pytest.raises(GalleryError, match="the viewer answers 403"):
        stranger.describe()


def test_large_parts_are_sent_in_several_requests(served_store, monkeypatch):
    sent = []
    request = ServedStore._request
    monkeypatch.setattr(
        ServedStore, "_request", lambda self, verb, content: sent.append(verb) or request(self, verb, content)
    )
    monkeypatch.setattr("reseen.gallery.stores.served._MOST_BYTES", 5_000)
    served_store.add(draw(40, start=100))
    assert sent.count("add") > 3
    assert counted(served_store) == 80


def test_what_the_store_refuses_is_said_here(served_store):
    with pytest.raises(GalleryError, match="vectors of 8 numbers, got 9"):
        served_store.add(draw(2, dimension=9))
    answer = served_store._request
    with pytest.raises(GalleryError, match="these are no entries of a gallery"):
        answer("add", b"something else")
    with pytest.raises(GalleryError, match="invalid request"):
        answer("scan", {"batch": -1})


def test_a_page_that_was_loaded_before_is_of_an_older_version(served_store):
    with httpx.Client(
        base_url=served_store._viewer.url,
        headers={"Authorization": f"Bearer {served_store._viewer.secret}"},
        trust_env=False,
        timeout=HANG_SECONDS,
    ) as browser:
        version = browser.get("/api/gallery").json()["version"]
        served_store.delete(Filter(images=("c0/00000.jpg",)))
        later = browser.get("/api/gallery").json()
        assert (later["count"], later["version"]) == (39, version + 1)
        edit = {"do": "merge", "version": version, "clusters": [0, 1]}
        assert browser.post("/api/edits", json=edit).status_code == 409


def test_people_of_another_command_are_those_of_the_viewer_at_the_next_request(served_store, tmp_path):
    with httpx.Client(
        base_url=served_store._viewer.url,
        headers={"Authorization": f"Bearer {served_store._viewer.secret}"},
        trust_env=False,
        timeout=HANG_SECONDS,
    ) as browser:
        version = browser.get("/api/gallery").json()["version"]
        people = Gallery(served_store).people
        people.update()
        named = people.all()[0]
        people.rename(named.id, "Anna")
        words = [edit["words"] for edit in browser.get("/api/edits").json()["mends"]]
        assert words[-1] == f"named person {named.id}"
        later = browser.get("/api/gallery").json()["version"]
        assert later > version
        undone = browser.post("/api/edits", json={"do": "undo", "version": later})
        assert undone.status_code == 200
        assert people.journal.refresh()
        assert people.get(named.id).name is None

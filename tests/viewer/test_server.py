"""From the command to the address and back: what is printed, Ctrl-C, and what cannot be opened."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
from tests.limits import HANG_SECONDS

from reseen.errors import RunError, SettingsError
from reseen.gallery import index
from reseen.gallery.gallery import Gallery
from reseen.gallery.stores.in_memory import MemoryStore
from reseen.runs.cluster_file import CLUSTERS
from reseen.viewer import open as opening
from reseen.viewer.server import base_url, listen

SCRIPT = """
import sys
import numpy as np
from pathlib import Path
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.gallery import Gallery
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.stores.in_memory import MemoryStore
from reseen.viewer.security import Access
from reseen.viewer.server import listen, serve
from reseen.viewer.server import make_app
from reseen.viewer.viewer import Viewer

store = MemoryStore(ModelIdentity("f" * 64, 8, "cluster-contrast", "resnet18", 64, 32, "/gone"))
store.add(Entries([Entry("/crops", f"{row}.jpg", cluster=row) for row in range(8)], np.eye(8, dtype=np.float32)))
access, listening = Access(), listen("127.0.0.1", 0)
app = make_app(Viewer(Gallery(store)), access, journal=Path(sys.argv[1]) / "mends.jsonl")
serve(app, access, listening, "127.0.0.1", lambda words: print(words, flush=True), False)
print("ended", flush=True)
"""


def test_the_printed_address_opens_it_and_ctrl_c_ends_it_cleanly(tmp_path):
    started = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip
    try:
        entrance = re.fullmatch(r"Open (http://127\.0\.0\.1:\d+/\?token=\S+)\n", started.stdout.readline())[1]
        secret = started.stdout.readline().split()[-1]
        started.stdout.readline()
        transport = httpx.HTTPTransport(retries=20)
        with httpx.Client(
            transport=transport, follow_redirects=True, trust_env=False, timeout=HANG_SECONDS
        ) as client:
            assert client.get(entrance).status_code == 200
            assert "8 clusters with 8 of" in client.get(entrance.partition("?")[0]).text
        assert secret not in entrance
    finally:
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=HANG_SECONDS)
    assert started.returncode == 0
    assert out == "ended\n"
    assert err == ""


def test_a_port_that_is_taken_is_said():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="choose another --host or --port"):
            listen("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(SettingsError, match="--host"):
        listen("203.0.113.1", 0)


def test_an_address_in_numbers_of_six_is_written_in_brackets():
    try:
        listening = listen("::1", 0)
    except SettingsError:
        pytest.skip("no IPv6 here")
    with listening:
        assert base_url(listening, "::1").startswith("http://[::1]:")


@pytest.fixture
def opened(filled, monkeypatch):
    """What `view_gallery` serves, in place of serving it; the gallery in a folder is one in memory."""
    kept, served = {}, []

    class KeptOpen(Gallery):
        def close(self):
            pass

    def gallery(address, run=None, *, create=False, mirrored=None):
        store = kept.setdefault(str(address), MemoryStore(filled.identity))
        return KeptOpen(store, filled.run)

    monkeypatch.setattr(index, "open_gallery", gallery)
    monkeypatch.setattr(opening, "open_gallery", gallery)
    monkeypatch.setattr(opening, "serve", lambda app, *rest: served.append((app, rest)))
    monkeypatch.setenv("XDG_STATE_HOME", str(filled.crowd.parent / "state"))

    def view(what, data=None, host="127.0.0.1"):
        said = []
        opening.view_gallery(what, data, None, host, 0, None, browser=False, quiet=True, say=said.append)
        return served[-1][0].state.viewer, said

    return view


def test_a_run_is_indexed_from_the_crops_it_learned_from(opened, filled):
    viewer, said = opened(str(filled.run.folder))
    assert len(viewer.snapshot.collection) == len(filled.content)
    assert not said
    clusters = viewer.snapshot.collection.clusters
    assert clusters.min() >= -1  # those of the run itself


def test_crops_that_were_moved_keep_the_clusters_of_the_run(opened, filled, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(filled.crowd, moved)
    viewer, _ = opened(str(filled.run.folder), moved)
    rows = pq.read_table(filled.run.folder / CLUSTERS).to_pylist()
    shown = {
        entry.image: entry.cluster
        for entry in viewer.snapshot.collection.entries
        if entry.source == str(moved)
    }
    assert shown == {row["path"]: row["cluster"] for row in rows}


def test_other_machines_are_warned_of(opened, filled):
    _, said = opened(str(filled.run.folder), filled.crowd, host="0.0.0.0")
    assert "not encrypted" in said[0]


def test_a_run_whose_crops_are_gone_says_so(opened, filled, tmp_path):
    moved = tmp_path / "run"
    shutil.copytree(filled.run.folder, moved)
    facts = moved / "run.json"
    facts.write_text(facts.read_text().replace(str(filled.crowd), str(Path("/gone/crowd"))))
    with pytest.raises(RunError, match="pass --data"):
        opened(str(moved))

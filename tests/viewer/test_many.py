"""A hundred thousand crops."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from tests.limits import HANG_MILLISECONDS
from tests.viewer.conftest import Served, _opened

from reseen.gallery.entries import Entries, Entry
from reseen.gallery.gallery import Gallery
from reseen.gallery.stores.in_memory import MemoryStore
from reseen.viewer.security import Access
from reseen.viewer.server import base_url, listen, make_app, make_server
from reseen.viewer.viewer import Viewer

COUNT = 100_000


@pytest.fixture
def many(filled, tmp_path):
    """A viewer over generated crops without pictures."""
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((COUNT, 8), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    store = MemoryStore(replace(filled.identity, dimension=8))
    store.add(
        Entries(
            [
                Entry("/x", f"{n:06d}.jpg", camera=f"c{n % 12}", time=float(n), cluster=n % 900 - 1)
                for n in range(COUNT)
            ],
            rows,
        )
    )
    viewer, access = Viewer(Gallery(store, filled.run)), Access()
    listening = listen("127.0.0.1", 0)
    server = make_server(make_app(viewer, access, journal=tmp_path / "mends.jsonl"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield Served(viewer, access, base_url(listening, "127.0.0.1"))
    server.should_exit = True
    thread.join(10)
    listening.close()


def test_the_map_of_a_hundred_thousand_crops_can_be_used(many, browser):
    with _opened(browser, many) as page:
        page.goto(many.address + "/map?layout=principal&color=camera")
        page.wait_for_selector("#map[data-ready]", timeout=HANG_MILLISECONDS)
        assert page.locator(".legend li").count() == 12
        box = page.locator("#plot").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_selector(".tip:not([hidden])", timeout=HANG_MILLISECONDS)
        assert "camera c" in page.inner_text(".tip")
        page.evaluate(  # how fast this is, benchmarks/viewer_map.py says
            """async () => {
                const wheel = { deltaY: -40, bubbles: true, cancelable: true, clientX: 600, clientY: 500 };
                for (let frame = 0; frame < 20; frame += 1) {
                    document.getElementById("plot").dispatchEvent(new WheelEvent("wheel", wheel));
                    await new Promise(requestAnimationFrame);
                }
            }"""
        )
        page.goto(f"{many.address}/search?key={many.viewer.snapshot.collection.keys[0]}&top=100")
        page.wait_for_selector(".match", timeout=HANG_MILLISECONDS)
        assert page.locator(".match").count() == 100

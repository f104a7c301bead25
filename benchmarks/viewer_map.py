"""Time the viewer's map: placing crops, loading the page, frames while panning, pointing.

    python benchmarks/viewer_map.py [--crops N ...] [--dimension D] [--seconds S] [--json FILE]

The browser is the Chromium at hand without a window (RESEEN_CHROMIUM names another), so that WebGL is drawn by the
processor, which is the slowest way there is. The page is 1280 x 800 pixels. Crops are a mixture of one group per 70.
"""

import argparse
import json
import os
import shlex
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "viewer-map.json"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]

PANNING = """
async (seconds) => {
    const canvas = document.getElementById("plot");
    const box = canvas.getBoundingClientRect();
    const send = (kind, x, y) => canvas.dispatchEvent(new PointerEvent(kind, {
        pointerId: 1, pointerType: "mouse", clientX: box.left + x, clientY: box.top + y, bubbles: true,
    }));
    canvas.setPointerCapture = () => {};
    const [x, y] = [box.width / 2, box.height / 2];
    send("pointerdown", x, y);
    const times = [];
    const end = performance.now() + 1000 * seconds;
    while (performance.now() < end) {
        times.push(await new Promise(requestAnimationFrame));
        const angle = times.length / 12;
        send("pointermove", x + 60 * Math.sin(angle), y + 40 * Math.cos(angle));
    }
    send("pointercancel", x, y);
    return times.slice(1).map((time, i) => time - times[i]);
}
"""

POINTING = """
async (trials) => {
    const { fetchPoints } = await import("/static/points.js");
    const { Grid } = await import("/static/grid.js");
    const points = await fetchPoints(new URL(location.href).searchParams.get("layout"), () => {});
    const built = performance.now();
    const grid = new Grid(points.coordinates);
    const begun = performance.now();
    let found = 0;
    for (let i = 0; i < trials; i += 1) {
        found += grid.nearest(Math.sin(i), Math.cos(1.7 * i), 0.03) >= 0;
    }
    return [begun - built, (performance.now() - begun) / trials, found / trials];
}
"""


def main() -> int:
    """Measure, print, write."""
    from cases.machine import describe

    parser = argparse.ArgumentParser(description="Time the viewer's map.", allow_abbrev=False)
    parser.add_argument("--crops", type=int, nargs="+", default=[13_000, 20_000, 100_000])
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    record: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/viewer_map.py", *sys.argv[1:]]),
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **describe(HERE.parent, threads),
        "load": os.getloadavg()[0],
        "crops": {str(count): _measure_in_folder(count, arguments) for count in arguments.crops},
    }
    table = Table("crops", "what", "value")
    for count, values in record["crops"].items():
        for name, value in values.items():
            table.add_row(
                f"{int(count):,}", name, f"{value:,.3f}" if isinstance(value, float) else str(value)
            )
    Console(width=110).print(table)
    arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


def _measure_in_folder(count: int, arguments: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:  # for the journal of edits
        return _measure(count, arguments, Path(folder))


def _measure(count: int, arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    from reseen.viewer.security import Access
    from reseen.viewer.server import base_url, listen, make_app, make_server

    viewer = make_viewer(count, arguments.dimension)
    access = Access()
    app = make_app(viewer, access, journal=folder / "mends.jsonl")
    values: dict[str, Any] = {}
    for layout in ("principal", "neighbors"):
        begun = time.perf_counter()
        app.state.maps.wait(viewer.snapshot.collection, layout)
        values[f"seconds to place, {layout}"] = time.perf_counter() - begun
    listening = listen("127.0.0.1", 0)
    server = make_server(app)
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    program = os.environ.get("RESEEN_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        address = base_url(listening, "127.0.0.1")
        page.goto(f"{address}/?token={access.login_token}")
        page.wait_for_selector("header.top")
        begun = time.perf_counter()
        page.goto(f"{address}/map?layout=neighbors")
        page.wait_for_selector("#map[data-ready]", timeout=120_000)
        values["seconds to a page that can be used"] = time.perf_counter() - begun
        values |= _frames(page, "everything", arguments.seconds)
        for _ in range(6):
            page.click("#nearer")
        values |= _frames(page, "zoomed 17 times", arguments.seconds)
        built, each, share = page.evaluate(POINTING, 20_000)
        values |= {
            "ms to build the grid": built,
            "ms to find a point": each,
            "share of places with a point": share,
        }
        browser.close()
    server.should_exit = True
    return values


def _frames(page: Any, name: str, seconds: float) -> dict[str, float]:
    """Of the times between frames while the map is dragged."""
    times = np.array(page.evaluate(PANNING, seconds))
    return {
        f"frames a second, {name}": 1000 / times.mean(),
        f"ms a frame, median, {name}": float(np.median(times)),
        f"ms a frame, 95 of 100 below, {name}": float(np.quantile(times, 0.95)),
        f"share of points drawn while moving, {name}": float(page.get_attribute("#map", "data-part")),
    }


def make_viewer(count: int, dimension: int, address: str = "memory:", outliers: int = 0) -> Any:
    """A viewer over a mixture on the sphere without thumbnails; every `outliers`-th crop is in no cluster."""
    from reseen.export.fingerprint import ModelIdentity
    from reseen.gallery.entries import Entries, Entry
    from reseen.gallery.gallery import Gallery
    from reseen.gallery.store import open_store
    from reseen.viewer.viewer import Viewer

    generator = np.random.default_rng(0)
    groups = max(1, count // 70)
    label = generator.integers(0, groups, count)
    rows = generator.standard_normal((groups, dimension), np.float32)[label]
    rows += 0.7 * generator.standard_normal((count, dimension), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    if outliers:
        label[::outliers] = -1
    store = open_store(address, ModelIdentity("0" * 64, dimension, "none", "none", 128, 64, ""), create=True)
    entries = [
        Entry(
            "/mixture",
            f"{number:06d}.jpg",
            camera=f"c{number % 8}",
            time=float(number),
            cluster=int(label[number]),
        )
        for number in range(count)
    ]
    for start in range(0, count, 1024):
        store.add(Entries(entries[start : start + 1024], rows[start : start + 1024]))
    return Viewer(Gallery(store))


if __name__ == "__main__":
    sys.exit(main())

"""Time the pages of the viewer as the server answers them: of the first request, and the median of further ones.

    python benchmarks/viewer_pages.py [--crops N ...] [--dimension D] [--repeats R] [--json FILE]

The crops are those of `viewer_map.py` in a folder gallery, without thumbnails, except that one in twenty is an outlier.
People are made of the clusters; a correction moves a crop from one person to another.
Times are of the HTML alone; how long the map takes until it can be used, `viewer_map.py` measures. CPU seconds, of
client and server together, hardly depend on what else the machine does.
"""

import argparse
import json
import os
import shlex
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "viewer-pages.json"
PAGES = {
    "clusters": "/clusters",
    "clusters, by outliers nearby": "/clusters?sort=noise",
    "a cluster": "/clusters/0",
    "a cluster with dendrogram": "/clusters/0?tree=true",
    "outliers": "/clusters/none",
    "search": "/search",
    "search for a crop": "/search?key=KEY",
    "search, re-ranked": "/search?key=KEY&rerank=1",
    "map": "/map",
    "questions": "/questions",
    "review": "/review",
    "forget": "/forget?key=KEY",
    "people": "/people",
    "people, least confirmed": "/people?sort=unconfirmed",
    "a person": "/people/1",
    "a person, least similar first": "/people/1?order=fit",
    "crops of nobody": "/people/nobody",
    "who is this?": "/people/questions",
    "what changed": "/people/changes",
    "what would change": "/people/changes?preview=true",
}
CORRECTION = "a correction of a person, with the page after it"


def main() -> int:
    """Measure, print, write."""
    from cases.machine import describe

    parser = argparse.ArgumentParser(description="Time the viewer's pages.", allow_abbrev=False)
    parser.add_argument("--crops", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    record: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/viewer_pages.py", *sys.argv[1:]]),
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **describe(HERE.parent, threads),
        "load": os.getloadavg()[0],
        "crops": {str(count): _measure_in_folder(count, arguments) for count in arguments.crops},
    }
    table = Table("crops", "page", "first, s", "its CPU, s", "median, s", "its CPU, s")
    for count, pages in record["crops"].items():
        for name, seconds in pages.items():
            table.add_row(f"{int(count):,}", name, *(f"{value:.3f}" for value in seconds.values()))
    Console(width=110).print(table)
    arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


def _measure_in_folder(count: int, arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:  # for the journal of edits
        return _measure(count, arguments, Path(folder))


def _measure(count: int, arguments: argparse.Namespace, folder: Path) -> dict[str, dict[str, float]]:
    """Seconds of each page, elapsed and of the CPU: of the first request, and medians of `repeats` further ones."""
    import httpx

    from reseen.viewer.security import Access
    from reseen.viewer.server import base_url, listen, make_app, make_server
    from viewer_map import make_viewer

    viewer, access = make_viewer(count, arguments.dimension, str(folder / "gallery"), outliers=20), Access()
    listener = listen("127.0.0.1", 0)
    server = make_server(make_app(viewer, access, journal=folder / "mends.jsonl"))
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
    headers = {"Authorization": f"Bearer {access.secret}"}
    values: dict[str, dict[str, float]] = {}
    with httpx.Client(
        base_url=base_url(listener, "127.0.0.1"), headers=headers, trust_env=False, timeout=None
    ) as client:
        values["people of the clusters"] = _summary([_seconds(lambda: _edit(client, viewer, "/api/people"))])
        for name, address in PAGES.items():
            path = address.replace("KEY", viewer.snapshot.collection.keys[1])
            values[name] = _summary(
                [_seconds(lambda path=path: client.get(path)) for _ in range(1 + arguments.repeats)]
            )
        key = viewer.snapshot.collection.keys[1]
        values[CORRECTION] = _summary(
            [
                _seconds(lambda do=f"move {person + 1}": _edit(client, viewer, "/people/edits", do, key))
                for person in range(1 + arguments.repeats)
            ]
        )
    server.should_exit = True
    viewer.gallery.store.close()
    return values


def _edit(client: Any, viewer: Any, path: str, do: str = "update", crop: str = "") -> Any:
    """An edit of people, by the API or as the page sends it."""
    fields = {"do": do, "version": viewer.snapshot.version}
    if path.startswith("/api"):
        return client.post(path, json=fields)
    return client.post(path, data={**fields, "crops": crop, "back": "/people/1"}, follow_redirects=True)


def _summary(seconds: list[tuple[float, float]]) -> dict[str, float]:
    """The first of several requests, and the medians of the others; of one request alone, that one."""
    first, *further = seconds
    further = further or seconds
    return {
        "first": first[0],
        "first, CPU": first[1],
        "median": statistics.median(wall for wall, _ in further),
        "median, CPU": statistics.median(cpu for _, cpu in further),
    }


def _seconds(request: Callable[[], Any]) -> tuple[float, float]:
    """Elapsed seconds and CPU seconds of a request."""
    begun, used = time.perf_counter(), time.process_time()
    response = request()
    seconds = time.perf_counter() - begun, time.process_time() - used
    response.raise_for_status()
    return seconds


if __name__ == "__main__":
    sys.exit(main())

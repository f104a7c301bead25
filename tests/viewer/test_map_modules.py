"""The map's own JavaScript, against slow rules, in the browser that runs it."""

import csv
import io
import json
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.limits import HANG_MILLISECONDS

STATIC = Path(str(files("reseen.viewer") / "static"))


@pytest.fixture(scope="module")
def page(browser):
    """An empty page beside the viewer's own files; modules of the map ask no server for anything."""

    def answer(route):
        folder, _, name = urlsplit(route.request.url).path.rpartition("/")
        if folder == "/static":
            route.fulfill(path=STATIC / name)
        else:
            route.fulfill(content_type="text/html", body="<!doctype html><title>empty</title>")

    context = browser.new_context()
    context.set_default_timeout(HANG_MILLISECONDS)
    context.route("**/*", answer)
    page = context.new_page()
    page.goto("http://modules.test/")
    yield page
    context.close()


@pytest.fixture
def run(page):
    """Run the body of an asynchronous function with a module of the viewer as `module`."""
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def run(name, body, argument=None):
        return page.evaluate(
            f"async (given) => {{ const module = await import('/static/{name}'); {body} }}", argument
        )

    yield run
    assert not complaints


def test_the_grid_finds_what_a_look_at_all_points_finds(run):
    wrong = run(
        "grid.js",
        """
        let state = 7;
        const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 4294967296;
        const wrong = [];
        for (const count of [0, 1, 5, 300, 5000]) {
          const places = Float32Array.from({ length: 2 * count }, () => 2 * random() - 1);
          const grid = new module.Grid(places);
          for (let trial = 0; trial < 60; trial += 1) {
            const [x, y, reach] = [2.4 * random() - 1.2, 2.4 * random() - 1.2, 0.3 * random()];
            const wanted = trial % 2 ? (i) => i % 3 === 0 : () => true;
            let best = -1, least = reach * reach;
            for (let i = 0; i < count; i += 1) {
              const d = (places[2 * i] - x) ** 2 + (places[2 * i + 1] - y) ** 2;
              if (wanted(i) && (best < 0 ? d <= least : d < least)) { best = i; least = d; }
            }
            const found = grid.nearest(x, y, reach, wanted);
            if (found !== best) wrong.push([count, trial, found, best]);
          }
        }
        return wrong;
        """,
    )
    assert wrong == []


def test_the_lasso_takes_what_winding_angles_take(run):
    differing = run(
        "grid.js",
        """
        let state = 3;
        const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 4294967296;
        const places = Float32Array.from({ length: 4000 }, () => 2 * random() - 1);
        const grid = new module.Grid(places);
        const star = Array.from({ length: 11 }, (_, i) => {
          const radius = i % 2 ? 0.35 : 0.9;
          return [radius * Math.cos((i * 2 * Math.PI) / 11), radius * Math.sin((i * 2 * Math.PI) / 11)];
        });
        const inside = (x, y) => {
          let angle = 0;
          star.forEach(([ax, ay], i) => {
            const [bx, by] = star[(i + 1) % star.length];
            const turn = Math.atan2(by - y, bx - x) - Math.atan2(ay - y, ax - x);
            angle += Math.atan2(Math.sin(turn), Math.cos(turn));
          });
          return Math.abs(angle) > Math.PI;
        };
        const expected = [];
        for (let i = 0; i < 2000; i += 1) if (inside(places[2 * i], places[2 * i + 1])) expected.push(i);
        const found = grid.within(star);
        const lacking = (all, others) => others.filter((i) => !all.includes(i)).length;
        const line = grid.within([[0, 0], [1, 1]]);
        return [expected.length, lacking(expected, found), lacking(found, expected), line.length];
        """,
    )
    assert differing[0] > 300
    assert differing[1:] == [0, 0, 0]


def test_the_view_keeps_what_is_under_the_pointer_and_finds_its_way_back(run):
    moved, back, held = run(
        "view.js",
        """
        const view = new module.View();
        view.width = 800; view.height = 500; view.reset();
        const before = view.toPoint(600, 100);
        view.zoomAt(3.7, 600, 100);
        const after = view.toPoint(600, 100);
        const [x, y] = view.toPixels(...view.toPoint(123, 321));
        view.pan(1e6, -1e6);
        return [Math.hypot(after[0] - before[0], after[1] - before[1]), Math.hypot(x - 123, y - 321), [view.x, view.y]];
        """,
    )
    assert moved < 1e-9
    assert back < 1e-9
    assert held == [-1, -1]


def test_a_table_is_read_back_and_runs_no_formula(run):
    facts = {
        "source": "/a", "image": '=HYPERLINK("x"),\n', "camera": "c,1", "time": -1.5, "tracklet": None,
        "cluster": -1, "key": "k",
    }  # fmt: skip
    (row,) = csv.DictReader(io.StringIO(run("facts.js", "return module.asCsv([given]);", facts), newline=""))
    assert row["image"] == "'" + facts["image"]
    assert row["camera"] == "c,1"
    assert (row["time"], row["tracklet"], row["cluster"]) == ("-1.5", "", "-1")


def test_moments_are_written_as_the_server_writes_them(run):
    from reseen.gallery.filter import format_timestamp

    times = [None, 0, 12.34, 99_999_999, 1_777_645_800.5]
    assert run("facts.js", "return given.map(module.formatTime);", times) == [
        format_timestamp(time) for time in times
    ]


@pytest.mark.parametrize("data", [b"", b"RSP1\x01\x00\x00\x00", b"nope" + bytes(4)])
def test_points_that_are_none_are_refused(run, data):
    body = """
    try { module.parse(Uint8Array.from(given).buffer); return "taken"; } catch (error) { return error.message; }
    """
    assert run("points.js", body, json.loads(json.dumps(list(data)))) != "taken"

"""The map in a real browser."""

import time

import numpy as np
import pytest
from tests.limits import HANG_MILLISECONDS, HANG_SECONDS
from tests.viewer.conftest import no_sideways_scroll

from reseen.viewer.maps import Maps

READY = "#map[data-ready]"


def place(page, key):
    """Pixels of a crop on the page, from the points that the server sends."""
    return page.evaluate(
        """async (key) => {
            const points = await import("/static/points.js");
            const { View } = await import("/static/view.js");
            const canvas = document.getElementById("plot");
            const layout = document.querySelector("input[name=layout]:checked").value;
            const sent = await points.fetchPoints(layout, () => {});
            const view = new View();
            const box = canvas.getBoundingClientRect();
            view.width = box.width;
            view.height = box.height;
            const xs = [...sent.coordinates].filter((_, i) => i % 2 === 0);
            const ys = [...sent.coordinates].filter((_, i) => i % 2 === 1);
            const [left, right, bottom, top] = [xs, ys].flatMap((all) => [Math.min(...all), Math.max(...all)]);
            view.bounds = { left, right, bottom, top };
            view.reset();
            const row = [...Array(sent.count).keys()].find((i) => points.keyOf(sent, i) === key);
            const [across, down] = view.toPixels(xs[row], ys[row]);
            return [across + box.left, down + box.top];
        }""",
        key,
    )


def outermost(tab, viewer, layout="neighbors"):
    """The key of the crop farthest to the right that no button lies over."""
    collection = viewer.snapshot.collection
    for row in (-Maps("memory:").wait(collection, layout)[:, 0]).argsort():
        key = collection.keys[int(row)]
        if tab.evaluate("at => document.elementFromPoint(...at).id", place(tab, key)) == "plot":
            return key
    raise AssertionError("buttons lie over all crops")


def test_a_crop_is_pointed_at_and_clicked(tab, served):
    tab.goto(served.address + "/map")
    tab.wait_for_selector(READY, timeout=HANG_MILLISECONDS)
    key = outermost(tab, served.viewer)
    tab.mouse.move(*place(tab, key))
    tab.wait_for_selector(".tip:not([hidden])")
    entry = served.viewer.snapshot.collection.entries[served.viewer.snapshot.collection.rows[key]]
    shown = tab.inner_text(".tip")
    assert f"camera {entry.camera}" in shown
    assert entry.image in shown
    assert tab.get_attribute(".tip img", "src") == f"/thumbnails/{key}.jpg"
    tab.mouse.click(*place(tab, key))
    tab.wait_for_url(f"**/search?key={key}")


def test_pixels_are_drawn_in_the_colors_of_the_legend(tab, served):
    tab.goto(served.address + "/map?layout=principal&color=camera")
    tab.wait_for_selector(READY, timeout=HANG_MILLISECONDS)
    wanted = _legend(tab)
    assert len(wanted) == 3
    for color in wanted:
        _until(tab, lambda color=color: _drawn(tab, color) > 20)
    tab.click(".legend button >> nth=0")
    assert tab.get_attribute(".legend button >> nth=0", "aria-pressed") == "true"
    _until(tab, lambda: _drawn(tab, wanted[0]) > 20 > _drawn(tab, wanted[1]))


def _until(page, reached):
    """Wait until the browser has drawn what `reached` looks for."""
    end = time.monotonic() + HANG_SECONDS
    while not reached():
        assert time.monotonic() < end
        page.wait_for_timeout(50)


def _legend(page):
    """Colors of the legend as drawn: 225 of 255 parts over white."""
    script = "all => all.map((one) => getComputedStyle(one).backgroundColor)"
    shown = page.eval_on_selector_all(".legend i", script)
    parts = [[int(part) for part in text[4:-1].replace(",", " ").split()] for text in shown]
    return 225 / 255 * np.array(parts) + 30


def _drawn(page, color):
    """Pixels of a color."""
    return int((np.abs(np.array(_pixels(page)) - color).max(axis=-1) < 5).sum())


def _pixels(page):
    from io import BytesIO

    from PIL import Image

    return Image.open(BytesIO(page.locator("#plot").screenshot())).convert("RGB")


def test_layout_and_color_are_in_the_address(tab, served):
    tab.goto(served.address + "/map")
    tab.wait_for_selector(READY, timeout=HANG_MILLISECONDS)
    tab.check("input[value=principal]", force=True)
    tab.wait_for_selector("#map[data-ready=principal]", timeout=HANG_MILLISECONDS)
    tab.check("input[value=camera]", force=True)
    assert tab.url.endswith("/map?layout=principal&color=camera")
    assert tab.inner_text(".legend h2") == "Cameras"
    tab.reload()
    tab.wait_for_selector("#map[data-ready=principal]", timeout=HANG_MILLISECONDS)
    assert tab.is_checked("input[value=camera]")


def test_a_lasso_makes_a_list_and_a_table(tab, served, tmp_path):
    tab.goto(served.address + "/map")
    tab.wait_for_selector(READY, timeout=HANG_MILLISECONDS)
    box = tab.locator("#plot").bounding_box()
    low, right, bottom = 8, box["width"] - 8, box["height"] - 8  # beyond that the frame is round
    corners = [(low, low), (right, low), (right, bottom), (low, bottom)]
    tab.check("input[value=lasso]", force=True)
    tab.mouse.move(box["x"] + corners[0][0], box["y"] + corners[0][1])
    tab.mouse.down()
    for across, down in [*corners[1:], corners[0]]:
        tab.mouse.move(box["x"] + across, box["y"] + down, steps=3)
    tab.mouse.up()
    count = len(served.viewer.snapshot.collection)
    assert tab.inner_text("#chosen h2") == f"{count} crops selected"
    assert tab.locator("#chosen li").count() == min(60, count)
    with tab.expect_download() as started:
        tab.click("#save")
    started.value.save_as(tmp_path / "crops.csv")
    lines = (tmp_path / "crops.csv").read_text().splitlines()
    assert lines[0] == "source,image,camera,time,tracklet,cluster,key"
    assert len(lines) == count + 1
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.click("#copy")
    tab.wait_for_selector("text=Copied")
    assert len(tab.evaluate("navigator.clipboard.readText()").splitlines()) == count
    tab.click("#clear")
    assert tab.is_hidden("#chosen")
    assert tab.get_attribute(".stage path", "d") == ""


def test_crops_in_a_lasso_can_be_edited(tab, served):
    tab.goto(served.address + "/map?color=camera")
    tab.wait_for_selector(READY, timeout=HANG_MILLISECONDS)
    key = outermost(tab, served.viewer)
    across, down = place(tab, key)
    tab.keyboard.down("Shift")
    tab.mouse.move(across - 4, down - 4)
    tab.mouse.down()
    for x, y in ((4, -4), (4, 4), (-4, 4), (-4, -4)):
        tab.mouse.move(across + x, down + y, steps=2)
    tab.mouse.up()
    tab.keyboard.up("Shift")
    tab.wait_for_selector("#chosen:not([hidden])")
    taken = tab.eval_on_selector_all("#chosen li a", "all => all.map((one) => one.href.split('key=')[1])")
    assert key in taken
    tab.fill("#chosen input[name=to]", "4")
    tab.click("#chosen button[value=move]")
    tab.wait_for_selector("#notice p")
    assert tab.url.startswith(served.address + "/map")
    collection = served.viewer.snapshot.collection
    assert {int(collection.clusters[collection.rows[one]]) for one in taken} == {4}


_TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""What a key has moved is drawn in the next frame."""


def test_keys_move_zoom_and_open(tab, served):
    tab.goto(served.address + "/map")
    tab.wait_for_selector(READY, timeout=HANG_MILLISECONDS)
    tab.keyboard.press("m")
    for key in ("+", "+", "ArrowLeft", "ArrowUp", "-", "0"):
        tab.keyboard.press(key)
    assert tab.is_visible(".aim")
    for key in ["ArrowLeft"] * 30:
        tab.evaluate(_TWO_FRAMES)
        if tab.is_visible(".ring"):  # at a point; its card comes when the server has answered
            break
        tab.keyboard.press(key)
    tab.wait_for_selector(".tip:not([hidden])")
    key = tab.get_attribute(".tip img", "src").split("/")[-1].removesuffix(".jpg")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**/search?key={key}")


def test_a_phone_shows_the_map_and_a_tap_the_crop(phone, served):
    phone.goto(served.address + "/map")
    phone.wait_for_selector(READY, timeout=HANG_MILLISECONDS)
    assert no_sideways_scroll(phone)
    phone.locator("#plot").scroll_into_view_if_needed()
    phone.touchscreen.tap(*place(phone, outermost(phone, served.viewer)))
    phone.wait_for_selector(".tip.stays:not([hidden]) a")
    phone.click(".tip a")
    phone.wait_for_selector("#found .match")


def test_without_webgl_the_page_says_so(tab, served):
    tab.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    tab.goto(served.address + "/map")
    tab.wait_for_selector(".wait.failed")
    assert "WebGL 2" in tab.inner_text(".wait")


def test_a_lost_context_comes_back(tab, served):
    tab.goto(served.address + "/map")
    tab.wait_for_selector(READY, timeout=HANG_MILLISECONDS)
    before = np.array(_pixels(tab))
    tab.evaluate(
        """() => new Promise((done) => {
            const canvas = document.getElementById("plot");
            const held = canvas.getContext("webgl2").getExtension("WEBGL_lose_context");
            canvas.addEventListener("webglcontextrestored", () => done());
            held.loseContext();
            setTimeout(() => held.restoreContext(), 100);
        })"""
    )
    _until(tab, lambda: (before != np.array(_pixels(tab))).any(axis=-1).mean() < 0.01)


def test_an_empty_gallery_has_an_empty_map(tab, served):
    tab.goto(served.address + "/forget")  # a page that asks for no picture of what is about to go
    served.viewer.drop(list(served.viewer.snapshot.collection.keys))
    tab.goto(served.address + "/map")
    assert "empty" in tab.inner_text("main")


@pytest.mark.parametrize(
    "path", ["/map?layout=../x", "/map/points?layout=%2e%2e", "/map?color=<b>", "/api/points?start=-1"]
)
def test_what_does_not_fit_is_refused(served, path):
    with served.client() as client:
        answer = client.get(path)
    assert answer.status_code == 422
    assert "<b>" not in answer.text


def test_programs_get_points_and_crops(served):
    collection = served.viewer.snapshot.collection
    with served.client() as client:
        points = client.get("/api/points", params={"layout": "principal", "start": 3, "most": 5}).json()
        crops = client.post(
            "/api/entries", json={"keys": [collection.keys[4], "../../etc/passwd", collection.keys[0]]}
        )
        many = client.post("/api/entries", json={"keys": ["a"] * 10_001})
        schema = client.get("/api/openapi.json").json()["paths"]
    assert [point["key"] for point in points] == list(collection.keys[3:8])
    assert [crop["key"] for crop in crops.json()] == [collection.keys[4], collection.keys[0]]
    assert many.status_code == 422
    assert {"/api/points", "/api/entries", "/api/search", "/api/forget"} <= set(schema)


def test_new_vectors_make_a_new_map(served):
    collection = served.viewer.snapshot.collection
    maps = Maps("memory:")
    first = maps.wait(collection, "principal")
    assert maps.wait(collection.reclustered({collection.keys[0]: 3}), "principal") is first
    assert len(maps.wait(collection.without(collection.keys[:1]), "principal")) == len(collection) - 1


def test_a_failure_in_the_background_reaches_who_asks(served, monkeypatch):
    monkeypatch.setattr("reseen.viewer.maps.project", lambda *_: 1 / 0)
    maps = Maps("memory:")
    with pytest.raises(ZeroDivisionError):
        maps.wait(served.viewer.snapshot.collection, "principal")


def test_maps_of_a_folder_are_kept_beside_it_and_forgotten(served, tmp_path):
    collection = served.viewer.snapshot.collection
    maps = Maps(str(tmp_path / "gallery"))
    maps.wait(collection, "principal")
    (kept,) = (tmp_path / "gallery.map").iterdir()
    assert kept.name.startswith("principal-")
    maps.clear()
    assert not (tmp_path / "gallery.map").exists()

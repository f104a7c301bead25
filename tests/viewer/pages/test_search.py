"""Search in a real browser, and for programs."""

import io
from dataclasses import replace

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from starlette.testclient import TestClient
from tests.viewer.conftest import no_sideways_scroll
from tests.viewer.test_security import HERE

from reseen.audit import Calibration
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.gallery import Gallery
from reseen.gallery.stores.in_memory import MemoryStore
from reseen.viewer import uploads
from reseen.viewer.security import Access
from reseen.viewer.server import make_app
from reseen.viewer.viewer import Viewer

CALIBRATION = Calibration(
    "high", "400 answers bound every number to within 2 points", 400, 0, -1.0, 0.1, (-1.0, 0.0, 1.0), (0.0, 0.2, 1.0),
    0.9, 0.1, (0.08, 0.12), 0.2, (0.18, 0.22),
)  # fmt: skip


def jpeg(size=(48, 96), color=(200, 40, 40)):
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def image(filled):
    """A crop of the crowd as bytes, and its path."""
    path = filled.content.entries[5].image
    return (filled.crowd / path).read_bytes(), path


@pytest.fixture
def calibrated(monkeypatch):
    monkeypatch.setattr(Gallery, "calibration", property(lambda _: CALIBRATION))
    monkeypatch.setattr(Gallery, "why_uncalibrated", "")


def upload(page, content, name="crop.jpg", kind="image/jpeg"):
    page.set_input_files("#image", {"name": name, "mimeType": kind, "buffer": content})


def test_an_image_finds_its_own_crop_and_filters_keep_it(tab, served, image):
    tab.goto(served.address + "/search")
    assert tab.locator(".samples li").count() > 3
    upload(tab, image[0])
    tab.wait_for_selector(".match")
    assert tab.get_attribute(".match a", "title") == image[1]
    assert "0.99" in tab.inner_text(".match") or "1.000" in tab.inner_text(".match")
    assert tab.is_visible("#preview")
    assert "No probabilities" in tab.inner_text(".verdict")
    camera = served.viewer.snapshot.collection.camera_names[1]
    tab.click(".filters summary")
    tab.check(f"input[name=camera][value='{camera}']", force=True)
    tab.wait_for_function(
        "(camera) => [...document.querySelectorAll('.match .words')].every((one) => one.innerText.startsWith(camera))",
        arg=camera,
    )
    assert tab.is_visible("#preview")
    assert tab.url.endswith("/search")


def test_a_drop_is_taken(tab, served, image):
    tab.goto(served.address + "/search")
    tab.evaluate(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(bytes)], "a.jpg", { type: "image/jpeg" }));
            for (const kind of ["dragover", "drop"]) {
                const event = { dataTransfer: data, bubbles: true, cancelable: true };
                document.body.dispatchEvent(new DragEvent(kind, event));
            }
        }""",
        list(image[0]),
    )
    tab.wait_for_selector(".match")
    assert tab.get_attribute(".match a", "title") == image[1]


def test_a_crop_is_searched_by_an_address_that_can_be_kept(tab, served, calibrated):
    collection = served.viewer.snapshot.collection
    tab.goto(f"{served.address}/search?key={collection.keys[3]}")
    tab.wait_for_selector(".match")
    assert tab.locator(".query .crop").count() == 1
    assert tab.locator(f".match a[href$='{collection.keys[3]}']").count() == 0
    assert tab.locator(".likely .how span").first.inner_text().endswith("%")
    assert tab.locator(".line circle.own").count() == 1
    tab.click(".filters summary")
    tab.check("input[name=elsewhere]", force=True)
    tab.wait_for_url("**/search?key=*elsewhere=1*")
    tab.wait_for_selector(".match")
    own = collection.entries[3].camera
    assert all(not words.startswith(own) for words in tab.locator(".match .words").all_inner_texts())
    tab.click(".match a >> nth=0")
    tab.wait_for_function("!document.querySelector('input[name=elsewhere]').checked")
    tab.go_back()
    tab.wait_for_function("document.querySelector('input[name=elsewhere]').checked")


def test_only_a_threshold_fades_results(tab, served, monkeypatch):
    collection = served.viewer.snapshot.collection
    opacities = "[...document.querySelectorAll('.match .crop')].map(one => +getComputedStyle(one).opacity)"
    tab.goto(f"{served.address}/search?key={collection.keys[3]}&top=100")
    assert "Faded" not in tab.inner_text(".legend-keys")
    assert set(tab.evaluate(opacities)) == {1}
    with served.client() as client:
        found = client.get("/api/search", params={"key": collection.keys[3], "top": 100}).json()["matches"]
    similarities = sorted((match["similarity"] for match in found), reverse=True)
    wide = max(range(1, 100), key=lambda place: similarities[place - 1] - similarities[place])
    strict = replace(CALIBRATION, threshold=(similarities[wide - 1] + similarities[wide]) / 2)
    monkeypatch.setattr(Gallery, "calibration", property(lambda _: strict))
    monkeypatch.setattr(Gallery, "why_uncalibrated", "")
    tab.reload()
    faded = [value < 1 for value in tab.evaluate(opacities)]
    assert faded == [False] * wide + [True] * (100 - wide)
    assert "Faded" in tab.inner_text(".legend-keys")
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        assert not Axe().run(tab).response["violations"]


def test_switches_group_and_rerank(served, calibrated):
    collection = served.viewer.snapshot.collection
    with served.client() as client:
        plain = client.get("/api/search", params={"key": collection.keys[0], "top": 100}).json()
        grouped = client.get("/api/search", params={"key": collection.keys[0], "top": 8, "group": 1}).json()
        ranked = client.get("/api/search", params={"key": collection.keys[0], "top": 100, "rerank": 1}).json()
    tracklets = [match["entry"]["tracklet"] for match in grouped["matches"]]
    assert len(set(tracklets)) == len(tracklets) == 8
    assert max(match["frames"] for match in grouped["matches"]) > 1
    similarities = [match["similarity"] for match in plain["matches"]]
    assert similarities == sorted(similarities, reverse=True)
    exact = np.sort(collection.vectors[1:] @ collection.vectors[0])[::-1][:100]
    np.testing.assert_allclose(similarities, exact, atol=1e-5)
    assert [match["probability"] for match in plain["matches"]] == pytest.approx(
        [float(CALIBRATION.probability(np.array(one))) for one in similarities]
    )
    assert plain["threshold"] == 0.9
    assert {match["entry"]["key"] for match in ranked["matches"]} == {
        match["entry"]["key"] for match in plain["matches"]
    }


@pytest.mark.parametrize(
    ("content", "name", "kind", "words"),
    [
        (b"%PDF-1.4 no image", "paper.pdf", "application/pdf", "paper.pdf is not an image"),
        (b"\xff\xd8\xff\xe0 cut off", "cut.jpg", "image/jpeg", "Cannot use this image"),
        (b"GIF89a", "<img src=x onerror=alert(1)>.gif", "image/gif", "Cannot use this image"),
        (b"", "empty.jpg", "image/jpeg", "file is empty"),
    ],
)
def test_a_wrong_file_is_answered_on_the_page(tab, served, content, name, kind, words):
    tab.goto(served.address + "/search")
    upload(tab, content, name, kind)
    tab.wait_for_selector("#found .problem")
    assert words in tab.inner_text("#found .problem")
    assert tab.locator("#found img").count() == 0
    # The browser itself notes an answer of 422 in its console.
    assert all("422" in one for one in tab.complaints)
    tab.complaints.clear()
    upload(tab, jpeg())
    tab.wait_for_selector(".match")


def test_too_large_a_file_is_not_even_sent(tab, served):
    tab.goto(served.address + "/search")
    tab.evaluate("document.getElementById('ask').dataset.most = '100'")
    upload(tab, jpeg())
    tab.wait_for_selector("#found .problem")
    assert "at most" in tab.inner_text("#found .problem")


def test_a_phone_shows_search(phone, served):
    phone.goto(f"{served.address}/search?key={served.viewer.snapshot.collection.keys[0]}")
    phone.wait_for_selector(".match")
    assert no_sideways_scroll(phone)


@pytest.fixture
def app(gallery, tmp_path):
    access = Access()
    app = make_app(Viewer(gallery), access, journal=tmp_path / "mends.jsonl")
    return app, access


@pytest.fixture
def guest(app):
    client = TestClient(app[0], base_url=HERE, headers={"Origin": HERE, "Sec-Fetch-Site": "same-origin"})
    client.get(f"/?token={app[1].login_token}")
    return client


def bomb():
    """A small file of 400 million pixels."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("address", ["/search", "/api/search"])
@pytest.mark.parametrize(
    "content", [bomb(), b"no image", b"\xff\xd8\xff\xe0", bytes(100)], ids=["bomb", "text", "cut", "zeros"]
)
def test_what_is_no_usable_image_is_refused(guest, address, content):
    answer = guest.post(address, files={"image": ("a.png", content, "image/png")})
    assert answer.status_code == 422
    assert "image" in answer.text


def test_too_many_bytes_are_refused(guest, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_IMAGE_BYTES", 1000)
    answer = guest.post("/api/search", files={"image": ("a.jpg", jpeg() + bytes(2000), "image/jpeg")})
    assert answer.status_code == 422
    assert "MB" in answer.json()["error"]
    monkeypatch.undo()
    assert guest.post("/search", content=bytes(33_000_000)).status_code == 413


def test_an_upload_never_reaches_a_disk(guest, monkeypatch):
    import tempfile

    from starlette import formparsers

    def refuse(*_, **__):
        raise AssertionError("a temporary file was made")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", refuse)
    monkeypatch.setattr(formparsers.MultiPartParser, "spool_max_size", 1)
    noise = np.random.default_rng(0).integers(0, 256, (1600, 900, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    assert len(buffer.getvalue()) > 2_000_000
    assert (
        guest.post("/api/search", files={"image": ("a.png", buffer.getvalue(), "image/png")}).status_code
        == 200
    )


@pytest.mark.parametrize(
    "sent",
    [
        {"headers": {"Content-Type": "multipart/form-data"}, "content": b"x"},
        {"headers": {"Content-Type": "multipart/form-data; boundary=a"}, "content": b"--a\r\nno header"},
        {"headers": {"Content-Type": "text/plain"}, "content": b"image=x"},
        {"data": {"image": "text in place of a file"}},
        {"files": [("image", ("a", b"1")), ("image", ("b", b"2"))]},
        {},
    ],
)
def test_forms_that_are_none_are_refused(guest, sent):
    for address in ("/search", "/api/search", "/forget"):
        assert guest.post(address, **sent).status_code == 422


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
@pytest.mark.parametrize(
    "address", ["/search", "/forget", "/forget/confirm", "/api/forget", "/api/search", "/api/entries"]
)
def test_other_sites_cannot_post(guest, address, headers):
    assert guest.post(address, headers=headers, data={"by": "cluster", "cluster": "0"}).status_code == 403


NAME = '"><script>alert(1)</script>&{{98765*4321}}'


@pytest.fixture
def hostile(filled, gallery, tmp_path, monkeypatch):
    """A viewer over entries with names that mean harm."""
    monkeypatch.chdir(tmp_path)
    store = MemoryStore(gallery.model)
    rows = [
        replace(
            Entry("/x", f"{number}{NAME}.jpg"), camera=f"c{number % 2}{NAME}", time=float(number), cluster=0
        )
        for number in range(6)
    ]
    store.add(Entries(rows, filled.content.vectors[:6]))
    viewer, access = Viewer(Gallery(store, filled.run)), Access()
    client = TestClient(
        make_app(viewer, access, journal=tmp_path / "mends.jsonl"),
        base_url=HERE,
        headers={"Origin": HERE, "Sec-Fetch-Site": "same-origin"},
    )
    client.get(f"/?token={access.login_token}")
    return client, viewer


def test_names_never_become_markup(hostile):
    client, viewer = hostile
    key, camera = viewer.snapshot.collection.keys[0], viewer.snapshot.collection.camera_names[0]
    looked = client.post("/forget", data={"by": "cluster", "cluster": "0"})
    token = looked.text.split('name="plan" value="')[1].split('"')[0]
    pages = [
        client.get("/map"),
        client.get("/search"),
        client.get("/search", params={"key": key, "camera": camera}),
        client.get("/search", params={"camera": NAME, "after": NAME}),
        client.get("/search", params={"key": key, "after": NAME}),
        client.get("/forget", params={"key": key, "cluster": NAME}),
        client.post("/forget", data={"by": "image", "path": NAME}),
        client.post("/forget", data={"by": NAME, "similarity": NAME}),
        looked,
        client.post("/forget/confirm", data={"plan": token, "sure": "yes"}),
    ]
    for page in pages:
        assert page.headers["content-type"].startswith("text/html")
        assert "<script>alert" not in page.text
        assert str(98765 * 4321) not in page.text, "a name was evaluated as a template"


TRAVERSAL = ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "/etc/passwd", "a\0b", "..", "C:\\x"]


@pytest.mark.parametrize("text", TRAVERSAL)
def test_no_parameter_reaches_the_disk(guest, text):
    for name in ("key", "camera", "cluster", "top"):
        assert guest.get("/search", params={name: text}).status_code == 422
        assert guest.get("/api/search", params={name: text}).status_code == 422
    assert guest.get("/forget", params={"key": text, "cluster": text}).status_code == 200
    for name in ("key", "path"):
        assert guest.post("/forget", data={"by": "image", name: text}).status_code == 422
        assert guest.post("/api/forget", json={"by": "image", name: text}).status_code == 422
    assert guest.post("/forget/confirm", data={"plan": text, "sure": "yes"}).status_code == 422
    assert "root:" not in guest.get("/search", params={"key": text}).text

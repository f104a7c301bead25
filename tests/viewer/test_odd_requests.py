"""Malformed requests: broken URLs, idle connections; and secrets that must not be printed."""

import socket
import threading
import time

import pytest
from starlette.testclient import TestClient
from tests.limits import HANG_SECONDS

from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.gallery import Gallery
from reseen.gallery.stores.in_memory import MemoryStore
from reseen.viewer import security, server
from reseen.viewer.pages.actions import redirect_target
from reseen.viewer.security import Access
from reseen.viewer.server import listen, make_app, make_server, serve
from reseen.viewer.viewer import Viewer

HERE = "http://127.0.0.1:8000"
BROKEN = ("http://[", "//[", "http://[::1", "https://]", "http://\u2100.com")


@pytest.fixture
def access():
    return Access()


@pytest.fixture
def app(access, tmp_path):
    store = MemoryStore(ModelIdentity("f" * 64, 8, "cluster-contrast", "resnet18", 64, 32, "/gone"))
    return make_app(Viewer(Gallery(store)), access, journal=tmp_path / "mends.jsonl")


@pytest.fixture
def guest(app, access):
    client = TestClient(app, base_url=HERE, headers={"Sec-Fetch-Site": "same-origin"}, follow_redirects=False)
    client.get(f"/?token={access.login_token}")
    return client


@pytest.mark.parametrize("mirrored", [False, True])
def test_where_the_model_is_named_it_is_said_whether_crops_are_mirrored(access, tmp_path, mirrored):
    model = ModelIdentity("f" * 64, 8, "cluster-contrast", "resnet18", 64, 32, "/gone", mirrored)
    app = make_app(Viewer(Gallery(MemoryStore(model))), access, journal=tmp_path / "mends.jsonl")
    client = TestClient(app, base_url=HERE, headers={"Sec-Fetch-Site": "same-origin"})
    client.get(f"/?token={access.login_token}")
    assert client.get("/api/gallery").json()["mirrored"] is mirrored
    page = client.get("/clusters").text
    assert "cluster-contrast, resnet18" in page
    assert ("averaged with their mirror images" in page) is mirrored


@pytest.mark.parametrize("origin", BROKEN)
def test_an_origin_that_is_no_address_is_refused(guest, origin):
    sent = guest.post(
        "/review", data={"do": "undo", "version": "1"}, headers={"Origin": origin.encode("utf-8", "replace")}
    )
    assert sent.status_code == 403


@pytest.mark.parametrize(
    "back", ["//[", "http://[", "///[x]", "//evil.example/x", "javascript:1", "/\\evil", ""]
)
def test_a_way_back_that_is_no_page_leads_to_the_clusters(guest, back):
    sent = guest.post(
        "/edits", data={"do": "nothing", "version": "1", "back": back}, headers={"Origin": HERE}
    )
    assert sent.status_code == 303
    assert sent.headers["location"].startswith("/clusters?flash=")
    assert redirect_target(back) == ("/clusters", "")
    assert redirect_target("/clusters/3?page=2") == ("/clusters/3", "page=2")


def test_a_length_of_thousands_of_digits_is_too_large(guest):
    sent = guest.post("/edits", headers={"Origin": HERE, "Content-Length": "9" * 5000}, content=b"")
    assert sent.status_code == 413


@pytest.fixture
def running(app):
    """A server with patience for a tenth of a second."""
    listening = listen("127.0.0.1", 0)
    server = make_server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield listening.getsockname()
    server.should_exit = True
    thread.join(HANG_SECONDS)
    listening.close()


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1", b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /e"],
)
def test_a_connection_that_finishes_no_header_is_closed(running, monkeypatch, begun):
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.1)
    with socket.create_connection(running, timeout=HANG_SECONDS) as connection:
        connection.sendall(begun)
        while connection.recv(65_536):  # ends when the server has closed it
            pass


def test_a_body_that_never_comes_is_given_up(running, access, monkeypatch):
    monkeypatch.setattr(security, "BODY_SECONDS", 0.1)
    head = (
        "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 99\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\nsecret"
    )
    with socket.create_connection(running, timeout=HANG_SECONDS) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("own", [None, "a-secret-of-my-own-0123"])
def test_a_secret_of_ones_own_is_not_said(app, own, monkeypatch):
    said, access = [], Access(own)
    monkeypatch.setattr(
        "reseen.viewer.server.make_server", lambda app: type("Ends", (), {"run": lambda *a, **b: None})()
    )
    serve(app, access, listen("127.0.0.1", 0), "127.0.0.1", said.append, False)
    assert any(access.secret in line for line in said) == (own is None)
    assert any("Authorization" in line or "secret" in line for line in said)

"""Everything that must not come in, without a browser."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from reseen.errors import SettingsError
from reseen.gallery.entries import Entries
from reseen.viewer import security
from reseen.viewer.security import Access, AllowedHosts
from reseen.viewer.server import make_app
from reseen.viewer.viewer import Viewer

HERE = "http://127.0.0.1:8000"
NASTY = [
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "/etc/passwd",
    "..",
    "a\0b",
    "-5",
]


@pytest.fixture
def access():
    return Access()


@pytest.fixture
def app(gallery, access, tmp_path):
    return make_app(Viewer(gallery), access, journal=tmp_path / "mends.jsonl")


@pytest.fixture
def stranger(app):
    return TestClient(app, base_url=HERE, follow_redirects=False)


@pytest.fixture
def guest(app, access):
    """Somebody who came in through the address."""
    client = TestClient(app, base_url=HERE, headers={"Origin": HERE, "Sec-Fetch-Site": "same-origin"})
    assert client.get(f"/?token={access.login_token}").status_code == 200
    return client


def paths(app):
    """Every path; FastAPI keeps those of a router that was included in that router."""

    def walk(routes, prefix):
        for route in routes:
            inner = getattr(route, "original_router", None)
            if inner is None:
                yield prefix + route.path
            else:
                yield from walk(inner.routes, prefix + route.include_context.prefix)

    return sorted(set(walk(app.routes, "")))


def test_without_a_token_nothing_of_the_gallery_is_shown(app, stranger, gallery):
    assert len(paths(app)) > 10
    key = next(iter(gallery.store.scan())).entries[0].key
    for path in paths(app):
        filled = path.format(key=key, name="0", number="0")
        if filled in security.PUBLIC_PATHS:
            continue
        for method in ("GET", "POST", "DELETE", "PUT", "HEAD"):
            answer = stranger.request(method, filled, headers={"Origin": HERE})
            assert answer.status_code in (401, 403), (method, filled)
            assert "Cluster" not in answer.text
    sent = stranger.get("/clusters", headers={"Accept": "text/html"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/login")


@pytest.mark.parametrize("path", security.PUBLIC_PATHS)
def test_the_door_names_nothing_of_the_gallery(stranger, gallery, path):
    answer = stranger.get(path)
    assert answer.status_code == 200
    assert gallery.address not in answer.text
    assert "crop" not in answer.text.lower() or path.endswith(".css")


def test_the_address_works_once(app, access):
    token = access.login_token
    first, second = (TestClient(app, base_url=HERE, follow_redirects=False) for _ in range(2))
    answer = first.get(f"/?token={token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/welcome")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert token not in cookie
    assert first.get("/clusters").status_code == 200
    again = second.get(f"/?token={token}")
    assert again.status_code == 401
    assert "set-cookie" not in again.headers
    assert second.get("/clusters").status_code == 401


@pytest.mark.parametrize("token", ["", "wrong", "é" * 43, "%00", "None"])
def test_a_wrong_token_opens_nothing_and_uses_nothing_up(stranger, access, token):
    assert stranger.get(f"/?token={token}").status_code == 401
    assert access.login_token is not None


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic {}", "{}", "Bearer {}x"])
def test_a_wrong_secret_is_refused(stranger, access, header):
    answer = stranger.get("/api/gallery", headers={"Authorization": header.format(access.secret)})
    assert answer.status_code == 401


def test_the_token_of_the_address_is_no_secret_for_programs(stranger, access):
    assert (
        stranger.get("/api/gallery", headers={"Authorization": f"Bearer {access.login_token}"}).status_code
        == 401
    )


def test_the_secret_opens_the_interface_for_programs(stranger, access):
    answer = stranger.get("/api/gallery", headers={"Authorization": f"Bearer {access.secret}"})
    assert answer.status_code == 200
    assert answer.json()["count"] > 0


def test_the_secret_typed_at_the_door_makes_a_session(stranger, access):
    headers = {"Origin": HERE}
    assert stranger.post("/login", data={"secret": "wrong"}, headers=headers).status_code == 401
    assert stranger.get("/clusters").status_code == 401
    assert stranger.post("/login", data={"secret": access.secret}, headers=headers).status_code == 303
    assert stranger.get("/clusters").status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "localhost.evil.example"]
)
def test_another_host_is_not_answered(guest, host):
    answer = guest.get("/clusters", headers={"Host": host})
    assert answer.status_code == 421
    assert "Cluster" not in answer.text


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "localhost:9"])
def test_this_machine_has_several_names_and_tunnels_other_ports(host):
    assert host in AllowedHosts("127.0.0.1")


def test_bound_to_everything_numbers_are_answered_and_names_of_others_are_not():
    names = AllowedHosts("0.0.0.0")
    assert "192.168.1.5:8000" in names
    assert "[fe80::1]:80" in names
    assert "evil.example" not in names
    assert "192.168.1.5" not in AllowedHosts("127.0.0.1")


CROSS_SITE = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9000"},
    {"Origin": HERE, "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {},
]


@pytest.mark.parametrize("headers", CROSS_SITE, ids=str)
def test_a_change_that_another_site_asks_for_is_refused(app, access, headers):
    client = TestClient(app, base_url=HERE)
    client.get(f"/?token={access.login_token}")
    viewer = app.state.viewer
    before = viewer.snapshot
    for path in ("/review", "/api/edits"):
        answer = client.post(
            path, data={"do": "merge", "version": before.version, "clusters": [0, 1]}, headers=headers
        )
        assert answer.status_code == 403
    assert viewer.snapshot is before


def test_a_change_without_a_browser_needs_the_secret(app, access):
    client = TestClient(app, base_url=HERE, headers={"Authorization": f"Bearer {access.secret}"})
    version = client.get("/api/gallery").json()["version"]
    done = client.post("/api/edits", json={"do": "merge", "version": version, "clusters": [0, 1]})
    assert done.status_code == 200
    foreign = {"Origin": "http://evil.example"}
    assert (
        client.post("/api/edits", json={"do": "undo", "version": version + 1}, headers=foreign).status_code
        == 403
    )


@pytest.mark.parametrize("nasty", NASTY)
def test_no_parameter_reaches_the_file_system(app, guest, nasty, monkeypatch):
    for path in paths(app):
        if "{" not in path:
            continue
        for name in ("key", "name", "number"):
            path = path.replace(f"{{{name}}}", nasty)
        answer = guest.get(path.replace("\0", "%00"))
        assert answer.status_code in (404, 405, 422) or nasty == "..", path  # `a/..` is what is above a
        assert "root:" not in answer.text
    for page in ("/clusters", "/review", "/rounds", "/clusters/0"):
        query = {name: nasty.replace("\0", "%00") for name in ("camera", "least", "page", "flash", "sort2")}
        assert guest.get(page, params=query).status_code == 200


def test_html_in_names_is_shown_as_text(gallery, filled, access, tmp_path):
    script = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    first = filled.content.entries[0]
    nasty = replace(first, image=f"{script}.jpg", camera=f'"{script}', cluster=0)
    gallery.store.add(Entries([nasty], filled.content.vectors[:1]))
    app = make_app(Viewer(gallery), access, journal=tmp_path / "m.jsonl")
    client = TestClient(app, base_url=HERE)
    client.get(f"/?token={access.login_token}")
    for page in (
        "/clusters",
        "/clusters?camera=" + script,
        "/clusters/0?tree=true",
        "/review",
        "/api",
        f"/clusters/{script}",
    ):
        text = client.get(page).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
    assert "&lt;script&gt;" in client.get("/clusters/0").text


def test_every_answer_carries_the_headers(app, stranger, guest):
    for client, path in (
        (stranger, "/login"),
        (stranger, "/clusters"),
        (guest, "/clusters"),
        (guest, "/nowhere"),
    ):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"


def test_pages_hold_no_script_or_style_of_their_own(guest):
    for page in (
        "/clusters",
        "/clusters/0?tree=true",
        "/clusters/none",
        "/review",
        "/rounds",
        "/api",
        "/login",
        "/welcome",
    ):
        text = guest.get(page).text
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick=" not in text
        assert text.count("<script") == text.count('<script type="module" src="/static/')
        assert "http://" not in text.replace(HERE, "").replace("http://www.w3.org", "")
        assert "https://" not in text


def test_a_body_is_cut_off(guest, monkeypatch):
    monkeypatch.setattr(security, "MAX_BODY_BYTES", 1000)
    assert guest.post("/edits", data={"do": "x" * 2000}).status_code == 413

    def parts():
        for _ in range(10):
            yield b"do=" + b"x" * 300

    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert guest.post("/edits", content=parts(), headers=kind).status_code == 413


def test_a_body_of_a_wrong_length_is_refused(guest):
    assert guest.post("/edits", content=b"", headers={"Content-Length": "-1"}).status_code == 413


def test_a_link_leads_nowhere_else(guest):
    for back in ("//evil.example", "https://evil.example/x", "javascript:alert(1)", "/\\evil.example"):
        data = {"do": "undo", "version": 0, "back": back}
        answer = guest.post("/edits", data=data, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith(("/clusters", "/x"))


@pytest.mark.parametrize("secret", ["short", "spaces are not allowed here", "ünïcödé-ünïcödé-ünïcödé"])
def test_a_weak_secret_is_refused(secret):
    with pytest.raises(SettingsError, match="--token"):
        Access(secret)

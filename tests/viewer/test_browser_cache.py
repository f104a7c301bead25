"""No browser keeps a face that was forgotten: Chromium with a disk cache of its own."""

import os
import shutil

import pytest
from tests.viewer.conftest import _FLAGS, _PROGRAMS

FETCH = """async ([address, mode]) => {
  const answer = await fetch(address, {cache: mode});
  return [answer.status, (await answer.arrayBuffer()).byteLength];
}"""


@pytest.fixture
def profile(tmp_path, browser):
    """A browser whose profile, and with it the cache, lies on the disk; and that folder."""
    named = os.environ.get("RESEEN_CHROMIUM")
    program = named or next(found for name in _PROGRAMS if (found := shutil.which(name)))
    folder = tmp_path / "profile"
    context = browser.browser_type.launch_persistent_context(  # of the one driver that a process can have
        str(folder), executable_path=program, args=_FLAGS
    )
    context.set_default_timeout(600_000)
    yield context, folder
    context.close()


def test_a_forgotten_face_is_in_no_cache(served, profile):
    context, folder = profile
    keys = served.viewer.snapshot.collection.keys
    entry = next(iter(served.viewer.gallery.store.scan())).entries[0]
    page = context.new_page()
    page.goto(served.login_url)
    page.wait_for_selector("header.top")
    picture = f"{served.address}/thumbnails/{entry.key}.jpg"
    page.goto(f"{served.address}/search?key={entry.key}")
    page.wait_for_function("[...document.images].some(image => image.complete && image.naturalWidth > 0)")
    status, size = page.evaluate(FETCH, [picture, "default"])
    assert (status, size) == (200, len(entry.thumbnail))
    with served.client() as client:
        assert client.get(f"/thumbnails/{keys[1]}.jpg").headers["cache-control"] == "no-store"
        gone = client.post("/api/forget", json={"by": "image", "key": entry.key, "dry_run": False}).json()
    assert gone["keys"] == [entry.key]
    assert page.evaluate(FETCH, [picture, "force-cache"])[0] == 404, "the browser had kept it"
    context.close()
    files = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    assert any(b"style.css" in content for content in files), "this profile has no cache to look into"
    assert not any(entry.thumbnail[40:400] in content for content in files)

"""The script that takes the pictures of the documentation works on any gallery."""

import runpy
from pathlib import Path

import pytest
from PIL import Image

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"


@pytest.fixture
def script():
    return type("Script", (), runpy.run_path(str(IMAGES / "draw_viewer.py")))


def test_a_picture_of_every_page(script, gallery, browser, tmp_path):
    with script.served(gallery) as served:
        assert script.answer_by_names(served, 3) == 3
        assert served.app.state.questions.state().sure == 3
        files = script.take(browser, served, script.name_people(served), tmp_path)
    assert [file.stem for file in files] == [
        f"viewer-{name}" for name in ("clusters", "questions", "review", "search", "map", "people", "person")
    ]
    for file in files:
        with Image.open(file) as picture:
            assert picture.size == (script.SIZE["width"], script.SIZE["height"])
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 500, "a page without its crops"
        assert (IMAGES / file.name).is_file(), "the documentation has this picture, too"

"""The badges of the README say what the project's files say."""

import runpy
from pathlib import Path
from xml.etree import ElementTree

PROJECT = Path(__file__).resolve().parents[2]
IMAGES = PROJECT / "docs" / "images"


def test_badges_are_those_that_the_script_draws():
    script = runpy.run_path(str(IMAGES / "draw_badges.py"))
    drawn, readme = script["badges"](), (PROJECT / "README.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in IMAGES.glob("badge-*.svg")) == sorted(drawn)
    for name, svg in drawn.items():
        ElementTree.fromstring(svg)
        assert (IMAGES / name).read_text(encoding="utf-8") == svg, "run python docs/images/draw_badges.py"
        assert f"docs/images/{name}" in readme
    assert 'aria-label="license: Apache-2.0"' in drawn["badge-license.svg"]
    assert "3.11 | 3.12 | 3.13" in drawn["badge-python.svg"]

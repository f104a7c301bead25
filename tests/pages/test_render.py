"""The page: complete, self-contained, safe with any text, readable without colors."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from tests.pages.outline import Outline, crop

from reseen.errors import StorageError
from reseen.pages import ClusterSheet, RankedAnswer, RankedList, ReportContent, render, write_report


def a_score(precision):
    return {
        "protocol": "market",
        "mAP": precision,
        "cmc": {"1": precision + 0.1, "5": precision + 0.2, "10": precision + 0.3},
        "mINP": precision / 2,
        "queries": 355,
        "valid_queries": 348,
        "gallery": 3391,
        "rules": {"average_precision": "step"},
    }


@pytest.fixture(scope="module")
def content():
    answers = [RankedAnswer(crop(1), True, "camera 2"), (crop(2), False, "camera 3")]
    return ReportContent(
        title="A run <of> people & cameras",
        settings="seed: 0\nmodel: {backbone: '<b>'}\n",
        facts={"Machine": "2 cores", "Data": "<script>alert(1)</script>"},
        rounds=[
            {"round": 1, "losses": {"cluster": 2.0}, "clusters": 20, "noise_share": 0.4, "seconds": 8.0},
            {"round": 2, "losses": {"cluster": 1.25, "camera": 0.5}, "clusters": 31, "noise_share": 0.072},
        ],
        scores={"before": a_score(0.1), "after": a_score(0.452)},
        sheets=[ClusterSheet("Cluster 1", [crop(3), crop(4)]), ("Cluster 2", [crop(3, 64, 32)])],
        ranked=[RankedList(crop(0), answers, "camera 1"), RankedList(crop(5), answers)],
    )


@pytest.fixture(scope="module")
def page(content):
    return render(content)


@pytest.fixture(scope="module")
def outline(page):
    return Outline(page)


def test_asks_the_network_for_nothing(page, outline):
    assert not outline.named("script")
    assert not outline.named("iframe")
    assert not re.search(r"@import|url\(|https?://", page)
    for _, values in outline.elements:
        for key in ("src", "href"):
            assert values.get(key, "#").startswith(("#", "data:")), values


def test_text_is_escaped(page):
    assert "<script>alert" not in page
    assert "A run &lt;of&gt; people &amp; cameras" in page
    assert "&#39;&lt;b&gt;&#39;" in page


def test_each_distinct_crop_is_in_the_file_once(outline):
    images = outline.named("image")
    assert len(images) == 7  # 2 queries, 2 answers shown twice, 3 in the sheets
    assert len({values["href"] for values in images}) == 7
    shown = [values["href"].removeprefix("#") for values in outline.named("use")]
    assert len(shown) == 2 + 2 * 2 + 3
    assert set(shown) == {values["id"] for values in images}


def test_crops_are_jpeg_at_natural_size(outline):
    for values in outline.named("image"):
        head, _, data = values["href"].partition(",")
        image = Image.open(io.BytesIO(base64.b64decode(data)))
        assert head == "data:image/jpeg;base64"
        assert image.size == (int(values["width"]), int(values["height"]))


def test_right_and_wrong_are_said_not_only_colored(page):
    for words in (
        "result 1, correct, camera 2",
        "result 2, wrong, camera 3",
        "1 of 2 correct",
        "query 1, camera 1",
    ):
        assert words in page


def test_every_drawing_has_words_or_is_hidden(outline):
    for values in outline.named("svg"):
        assert values.get("aria-label") or values.get("aria-hidden") or "viewbox" in values


def test_tables_have_headers(outline):
    assert outline.named("th")
    assert all(values.get("scope") in ("row", "col") for values in outline.named("th"))


def test_links_lead_somewhere(outline):
    for values in outline.named("a"):
        assert values["href"][1:] in outline.ids


def test_scores_show_before_after_and_gain(page):
    for text in (">45.2<", "from 10.0", "+35.2", "348 queries, 7 without a match", "step rule"):
        assert text in page


def test_light_and_dark_and_narrow(page):
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page


def test_empty_parts_are_left_out():
    page = render(ReportContent(title="Nothing yet"))
    outline = Outline(page)
    assert not outline.named("section")
    assert not outline.named("a")


def test_one_score_has_nothing_to_compare():
    page = render(ReportContent(title="One", scores={"run": a_score(0.3)}))
    assert "from " not in page.split("<main>")[1].split("Protocol")[0]
    assert ">30.0<" in page


def test_a_loss_shows_as_minus():
    page = render(ReportContent(title="Worse", scores={"before": a_score(0.3), "after": a_score(0.2)}))
    assert "−10.0" in page


def test_written_whole(tmp_path, content, page):
    path = tmp_path / "new" / "report.html"
    write_report(path, content)
    assert path.read_text(encoding="utf-8") == page
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_unwritable_place_says_so(tmp_path, content):
    taken = tmp_path / "report.html"
    taken.mkdir()
    with pytest.raises(StorageError, match=r"report\.html: cannot be written"):
        write_report(taken, content)


def test_wrong_pixels_say_so():
    bad = np.zeros((128, 64, 3), dtype=np.float32)
    with pytest.raises(ValueError, match=r"uint8 images \(h, w, 3\), got float32"):
        render(ReportContent(title="Bad", sheets=[("Cluster", [bad])]))

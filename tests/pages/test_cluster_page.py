"""Pages of clusterings: complete, self-contained, safe with any text."""

import re

import numpy as np
import pytest
from tests.pages.outline import Outline, crop

from reseen.errors import StorageError
from reseen.pages import (
    ClustersContent,
    ClusterSheet,
    CropTree,
    Figure,
    Leaf,
    SheetGroup,
    TreeContent,
    render_clusters,
    render_tree,
    write_clusters_page,
)

TREE = CropTree(
    np.array([[0, 1, 0.25, 2]]),
    [Leaf(crop(1), "c1", "one.jpg"), Leaf(crop(2), "c2", "two.jpg")],
    "merge cost",
    "So.",
)
SHEET = ClusterSheet("Cluster <0>", [crop(1), crop(2)], "2 crops", ["one.jpg", "two.jpg"], TREE)


@pytest.fixture(scope="module")
def page():
    return render_clusters(
        ClustersContent(
            title="3 clusters of <people> & others",
            note="As asked.",
            figures=[Figure("Clusters", "3", "of 9 crops")],
            sizes=[5, 3, 1],
            square_errors=[0.5, 0.25, 0.0],
            merges=[(4, 0.1), (6, 0.3)],
            groups=[
                SheetGroup("Largest", "Look here.", [SHEET]),
                SheetGroup("At random", "", [("Cluster 1", [])]),
            ],
            facts={"Data": "<script>alert(1)</script>"},
            settings="linkage: average\n",
        )
    )


def test_it_asks_the_network_for_nothing_and_escapes_text(page):
    outline = Outline(page)
    assert not outline.named("script")
    assert not re.search(r"@import|url\(|https?://", page)
    for _, values in outline.elements:
        for key in ("src", "href"):
            assert values.get(key, "#").startswith(("#", "data:"))
    assert "3 clusters of &lt;people&gt; &amp; others" in page
    assert "Cluster &lt;0&gt;" in page


def test_links_lead_somewhere(page):
    outline = Outline(page)
    targets = [values["href"][1:] for values in outline.named("a")]
    assert targets == ["spread", "group-1", "group-2", "made"]
    assert set(targets) <= outline.ids


def test_it_shows_what_it_was_given(page):
    for text in (
        "As asked.",
        "of 9 crops",
        "median 3, largest 5",
        "0.3 at the end",
        "Look here.",
        "linkage: average",
    ):
        assert text in page
    assert "merge 6\ncost: 0.3" in page


def test_a_tree_opens_when_asked_for_and_its_crops_are_in_the_file_once(page):
    outline = Outline(page)
    assert sum("tree" in values.get("class", "") for values in outline.named("svg")) == 1
    assert [values for values in outline.named("details") if "open" in values] == []
    assert len(outline.named("image")) == 2
    assert len(outline.named("use")) == 4
    assert "So." in page


def test_a_long_history_is_thinned_and_keeps_its_end():
    merges = [(made, made / 1000) for made in range(1, 1001)]
    page = render_clusters(ClustersContent(title="Long", merges=merges))
    assert 50 <= page.count('class="column"') <= 101
    assert "merge 1,000\ncost: 1<" in page


def test_empty_parts_are_left_out():
    outline = Outline(render_clusters(ClustersContent(title="Nothing yet")))
    assert not outline.named("section")
    assert not outline.named("a")


def test_one_cluster_has_its_tree_open_and_a_caption_below_each_crop():
    page = render_tree(TreeContent("Cluster 0", SHEET, facts={"a": "b"}))
    outline = Outline(page)
    assert {values["href"] for values in outline.named("a")} == {"#tree", "#crops", "#made"}
    assert "<p>one.jpg</p>" in page
    assert not outline.named("details")
    lone = Outline(render_tree(TreeContent("Cluster 9", ClusterSheet("Cluster 9", [crop(3)]))))
    assert "tree" not in lone.ids


def test_words_for_another_number_of_crops():
    with pytest.raises(ValueError, match="zip"):
        render_clusters(ClustersContent("t", groups=[SheetGroup("g", "", [SHEET._replace(words=["one"])])]))


def test_unwritable_place_says_so(tmp_path):
    (tmp_path / "clusters.html").mkdir()
    with pytest.raises(StorageError, match=r"clusters\.html: cannot be written"):
        write_clusters_page(tmp_path / "clusters.html", ClustersContent("t"))

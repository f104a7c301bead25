"""The pages in a real browser: what they show, keys, a narrow window, dark."""

from dataclasses import replace

import pytest
from tests.viewer.conftest import no_sideways_scroll

from reseen.gallery.gallery import Gallery

PAGES = ("/clusters", "/clusters/0?tree=true", "/clusters/none", "/review", "/rounds", "/api")


def test_the_address_opens_the_gallery_and_leaves_the_address_bar(tab, served):
    assert tab.url == f"{served.address}/clusters"
    assert tab.locator("h1").inner_text() == "Clusters"
    assert tab.evaluate("document.cookie") == ""


def test_every_page_is_whole_and_loads_its_pictures(tab, served):
    for page in PAGES:
        tab.goto(served.address + page)
        assert tab.locator("h1").count() == 1, page
        tab.evaluate("document.querySelectorAll('img').forEach(one => one.loading = 'eager')")
        tab.wait_for_function("() => [...document.images].every(one => one.complete)")
        assert tab.evaluate("[...document.images].filter(one => !one.naturalWidth).length") == 0, page
        unnamed = "[...document.querySelectorAll('button, a, input:not([type=hidden])')].filter(one => "
        unnamed += "!(one.innerText || one.ariaLabel || one.labels?.length || one.title)).length"
        assert tab.evaluate(unnamed) == 0, page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_every_page_without_scrolling_sideways(phone, served, scheme):
    phone.emulate_media(color_scheme=scheme)
    for page in PAGES:
        phone.goto(served.address + page)
        assert no_sideways_scroll(phone), page
        paper, ink = phone.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        assert (brightness(paper) > brightness(ink)) == (scheme == "light")


def brightness(color):
    return sum(float(part) for part in color.strip("rgb()").split(",")[:3])


def test_clusters_are_sorted_and_filtered_in_place(tab, served):
    clusters = served.viewer.snapshot.clusters.all()

    def shown():
        return [int(text.removeprefix("Cluster ")) for text in tab.locator(".open").all_inner_texts()]

    assert shown() == [one.number for one in sorted(clusters, key=lambda one: (-one.size, one.number))][:24]
    tab.evaluate("document.body.dataset.mark = 'same page'")
    for sort, rank in (
        ("error", lambda one: -one.squared_error),
        ("cameras", lambda one: one.mixing),
        ("number", lambda one: one.number),
    ):
        with tab.expect_response(lambda answer: "sort=" in answer.url):
            tab.select_option("select[name=sort]", sort)
        tab.wait_for_function(f"() => new URLSearchParams(location.search).get('sort') === '{sort}'")
        ranks = [rank(served.viewer.snapshot.clusters[number]) for number in shown()]
        assert ranks == sorted(ranks)
    tab.fill("input[name=least]", "999")
    tab.keyboard.press("Tab")
    tab.wait_for_selector(".empty")
    tab.go_back()
    tab.wait_for_selector(".sheet")
    assert tab.evaluate("document.body.dataset.mark") == "same page"


def test_keys_lead_everywhere_and_are_explained(tab, served):
    tab.keyboard.press("?")
    listed = tab.locator("dialog#help dd").all_inner_texts()
    assert {"Clusters", "Review", "Rounds", "Merge the selected clusters", "Move between clusters"} <= set(
        listed
    )
    tab.keyboard.press("Escape")
    assert tab.locator("dialog[open]").count() == 0
    tab.keyboard.press("g")
    tab.keyboard.press("r")
    tab.wait_for_url("**/rounds")
    assert tab.locator(".chart").count() > 3
    tab.keyboard.press("g")
    tab.keyboard.press("c")
    tab.wait_for_url("**/clusters")
    tab.locator(".open").first.focus()
    first = tab.evaluate("document.activeElement.innerText")
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("document.activeElement.innerText") != first
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".member")
    tab.wait_for_load_state()  # keys are listened for once the scripts have run
    tab.keyboard.press("y")
    tab.wait_for_selector("svg.tree")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    tab.keyboard.press("Tab")
    assert tab.evaluate(outline) != "none"


def test_rounds_say_so_where_the_run_is_gone(tab, served, monkeypatch):
    gallery = Gallery(served.viewer.gallery.store)
    gallery.model = replace(gallery.model, run="/gone")
    monkeypatch.setattr(served.viewer, "gallery", gallery)
    tab.goto(f"{served.address}/rounds")
    assert "the run of this gallery cannot be opened" in tab.locator(".lead").inner_text()
    assert tab.locator(".chart").count() == 0


def test_the_viewer_says_when_it_has_ended(tab, served):
    tab.route("**/clusters?**", lambda route: route.abort())
    tab.select_option("select[name=sort]", "number")
    tab.wait_for_selector("#notice .bad")
    assert "still running" in tab.locator("#notice").inner_text()
    tab.complaints[:] = [words for words in tab.complaints if "ERR_FAILED" not in words]

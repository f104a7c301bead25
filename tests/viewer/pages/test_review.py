"""Cluster edits in a real browser, by mouse and by keyboard, and in two tabs at once."""

import re
from dataclasses import replace

import pytest
from tests.viewer.conftest import no_sideways_scroll

from reseen.audit.answers import read_answers
from reseen.gallery.entries import Entries


def picks(page):
    return page.locator(".member input")


def select(page, *places):
    for place in places:
        picks(page).nth(place).check(force=True)


def done(page, words):
    page.wait_for_function("words => document.getElementById('notice').innerText.includes(words)", arg=words)


def test_merge_two_sheets_and_undo(tab, served):
    tab.check("input[name=clusters][value='1']", force=True)
    assert tab.locator(".bar button[value=merge]").is_disabled()
    tab.check("input[name=clusters][value='2']", force=True)
    sizes = [served.viewer.snapshot.clusters[number].size for number in (1, 2)]
    tab.keyboard.press("m")
    done(tab, "Merged cluster")
    into = (
        served.viewer.snapshot.clusters[1]
        if 1 in served.viewer.snapshot.clusters
        else served.viewer.snapshot.clusters[2]
    )
    assert into.size == sum(sizes)
    tab.locator("#notice button[value=undo]").click()
    done(tab, "Undone: merged")
    assert [served.viewer.snapshot.clusters[number].size for number in (1, 2)] == sizes


def test_split_by_keys_alone(tab, served):
    tab.goto(f"{served.address}/clusters/0")
    size = served.viewer.snapshot.clusters[0].size
    picks(tab).first.focus()
    tab.keyboard.press("Space")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Space")
    assert tab.locator("[data-count]").inner_text() == "2 crops"
    tab.keyboard.press("s")
    done(tab, "Split 2 crops off cluster 0")
    assert served.viewer.snapshot.clusters[0].size == size - 2
    assert tab.locator("[data-count]").count() == 1
    tab.keyboard.press("u")
    done(tab, "Undone")
    assert served.viewer.snapshot.clusters[0].size == size
    tab.keyboard.press("r")
    done(tab, "Split 2 crops")
    assert served.viewer.snapshot.clusters[0].size == size - 2


def test_move_by_number_and_to_a_neighbor(tab, served):
    tab.goto(f"{served.address}/clusters/0")
    select(tab, 0)
    tab.keyboard.press("t")
    tab.keyboard.type("4")
    tab.keyboard.press("Enter")
    done(tab, "Moved 1 crop into cluster 4")
    select(tab, 0)
    button = tab.locator(".near button[value^='move ']").first
    number = int(button.get_attribute("value").split()[1])
    size = served.viewer.snapshot.clusters[number].size
    button.click()
    done(tab, f"into cluster {number}")
    assert served.viewer.snapshot.clusters[number].size == size + 1


def test_a_range_is_removed_and_listed_among_the_outliers(tab, served):
    tab.goto(f"{served.address}/clusters/0")
    picks(tab).nth(0).click(force=True)
    picks(tab).nth(2).click(force=True, modifiers=["Shift"])
    assert tab.locator("[data-count]").inner_text() == "3 crops"
    keys = picks(tab).evaluate_all("boxes => boxes.slice(0, 3).map(box => box.value)")
    tab.keyboard.press("x")
    done(tab, "Moved 3 crops out of all clusters")
    tab.goto(f"{served.address}/clusters/none")
    for key in keys:
        assert tab.locator(f"input[value='{key}']").count() == 1
        tab.check(f"input[value='{key}']", force=True)
    tab.keyboard.press("s")
    done(tab, "as cluster")


def test_marks_are_saved_as_answers(tab, served):
    tab.goto(f"{served.address}/clusters/0")
    select(tab, 0, 1)
    tab.keyboard.press("e")
    done(tab, "as one person")
    select(tab, 0, 2)
    tab.keyboard.press("d")
    done(tab, "as different people")
    tab.goto(f"{served.address}/review")
    file = re.search(r"--answers (\S+)", tab.locator(".past").inner_text())[1]
    assert [answer.verdict for answer in read_answers([file])] == ["same", "different"]


def test_questions_are_answered_by_keys_until_none_of_them_comes_back(tab, served):
    tab.goto(f"{served.address}/review")
    first = tab.locator(".asked form").first
    asked = first.inner_text()
    tab.keyboard.press("n")
    done(tab, "arked")
    assert tab.locator(".asked form").first.inner_text() != asked
    clusters = len(served.viewer.snapshot.clusters)
    tab.locator("button[value=merge]").first.click()
    done(tab, "Merged")
    assert len(served.viewer.snapshot.clusters) == clusters - 1
    assert tab.locator(".past li").count() == 2


def look(button):
    """What makes a button heavy or light, and its size."""
    names = [
        "backgroundColor",
        "borderColor",
        "color",
        "fontWeight",
        "fontSize",
        "opacity",
        "width",
        "height",
    ]
    return button.evaluate("(one, names) => names.map(name => getComputedStyle(one)[name])", names)


@pytest.mark.parametrize("width", [1280, 390])
def test_both_answers_look_alike(tab, served, width):
    tab.set_viewport_size({"width": width, "height": 800})
    for page, pairs in (
        ("/review", [("merge", "apart")]),
        ("/questions", [("same", "different")]),
        ("/clusters/0", [("merge", "apart")]),
    ):
        tab.goto(served.address + page)
        for one, other in pairs:
            first, second = (tab.locator(f"button[value={value}]").first for value in (one, other))
            assert look(first) == look(second), page
    tab.goto(f"{served.address}/review")
    for form in tab.locator(".asked form").all():
        looks = [look(button) for button in form.locator(".answers button").all()]
        assert len(looks) == 2
        assert looks[0] == looks[1]


def test_review_offers_the_best_of_a_ranking_however_similar_they_are(tab, served):
    tab.goto(f"{served.address}/review")
    clusters = len(served.viewer.snapshot.clusters)
    pairs = clusters * (clusters - 1) // 2
    merges = tab.locator("section[aria-labelledby=pairs]")
    assert merges.locator(".asked li").count() == 6
    assert f"The best 6 of {pairs} candidate pairs" in merges.inner_text()
    tab.locator(".pager a").click()
    tab.wait_for_function(
        "() => document.querySelectorAll('section[aria-labelledby=pairs] li').length === 12"
    )
    tab.locator("section[aria-labelledby=pairs] button[value=apart]").first.click()
    done(tab, "as different people")
    assert merges.locator(".asked li").count() == 12  # the page keeps its length, and the next pair moves up
    assert f"The best 12 of {pairs - 1} candidate pairs" in merges.inner_text()


def test_an_answer_to_a_question_comes_first_on_review(tab, served):
    collection = served.viewer.snapshot.collection
    far = max(
        ((one, other) for one in (3, 4, 5) for other in range(6, 10)),
        key=lambda pair: (
            -float(
                served.viewer.snapshot.clusters[pair[0]].center
                @ served.viewer.snapshot.clusters[pair[1]].center
            )
        ),
    )
    keys = [collection.keys[int(served.viewer.snapshot.clusters[number].rows[-1])] for number in far]
    with served.client() as client:
        version = client.get("/api/gallery").json()["version"]
        client.post("/api/edits", json={"do": "same", "version": version, "crops": keys})
    tab.goto(f"{served.address}/review")
    first = tab.locator("section[aria-labelledby=pairs] li").first.inner_text()
    assert all(f"Cluster {number}\n" in first or f"Cluster {number} " in first for number in far)
    assert "follows from your answers" in first


@pytest.fixture
def unclustered(gallery):
    """The crops of the gallery, none of them clustered."""
    for part in list(gallery.store.scan()):
        entries = [replace(entry, cluster=None) for entry in part.entries]
        gallery.store.add(Entries(entries, part.vectors.copy()))


def test_a_gallery_that_was_never_clustered_says_so_with_commands(unclustered, tab, served):
    for page in ("/clusters", "/clusters/none", "/clusters/new", "/review"):
        tab.goto(served.address + page)
        assert "Not clustered yet: none of the 144 crops has a cluster." in tab.inner_text(".empty"), page
        commands = tab.locator(".empty pre").all_inner_texts()
        assert [command.split()[1] for command in commands] == ["cluster", "index"], page
        assert "Every crop is in a cluster" not in tab.inner_text("main")


def test_two_tabs_at_once_lose_no_edit(tab, served):
    other = tab.context.new_page()
    for page in (tab, other):
        page.goto(f"{served.address}/clusters/0")
    size = served.viewer.snapshot.clusters[0].size
    select(tab, 0)
    select(other, 1)
    tab.keyboard.press("s")
    done(tab, "Split 1 crop")
    other.bring_to_front()
    other.keyboard.press("s")
    done(other, "nothing was done")
    assert served.viewer.snapshot.clusters[0].size == size - 1
    assert picks(other).count() == size - 1  # the page is up to date: the same edit can be repeated
    select(other, 0)
    other.keyboard.press("s")
    done(other, "Split 1 crop")
    assert served.viewer.snapshot.clusters[0].size == size - 2


def test_the_page_of_a_cluster_that_was_merged_away_leads_on(tab, served):
    small, large = sorted((1, 2), key=lambda number: served.viewer.snapshot.clusters[number].size)
    tab.goto(f"{served.address}/clusters/{small}")
    form = tab.locator(".near", has=tab.locator(f"a[href='/clusters/{large}']"))
    if not form.count():  # not among the nearest: merge on the page of all
        tab.goto(f"{served.address}/clusters?sort=number")
        for number in (small, large):
            tab.check(f"input[name=clusters][value='{number}']", force=True)
        tab.keyboard.press("m")
        done(tab, "Merged")
        return
    form.locator("button[value=merge]").click()
    done(tab, "Merged")
    assert re.search(r"/clusters/\d+\?flash=", tab.url)
    assert tab.locator("h1").inner_text() in (f"Cluster {large}", f"Cluster {small}")


def test_editing_on_a_phone(phone, served):
    phone.goto(f"{served.address}/clusters/0")
    select(phone, 0, 1)
    assert phone.locator(".bar").is_visible()
    assert no_sideways_scroll(phone)
    phone.locator(".bar button[value=split]").tap()
    done(phone, "Split 2 crops")


def test_the_api_edits_under_the_same_rules(served):
    with served.client() as client:
        version = client.get("/api/gallery").json()["version"]
        done = client.post("/api/edits", json={"do": "merge", "version": version, "clusters": [1, 2]})
        assert done.status_code == 200
        assert done.json()["version"] == version + 1
        late = client.post("/api/edits", json={"do": "undo", "version": version})
        assert late.status_code == 409
        assert "nothing was done" in late.json()["error"]
        assert [one["kind"] for one in client.get("/api/edits").json()["mends"]] == ["merge"]
        unknown = client.post("/api/edits", json={"do": "explode", "version": version})
        assert unknown.status_code == 422
        members = client.get(f"/api/clusters/{done.json()['cluster']}").json()
        assert client.get(f"/api/entries/{members[0]['key']}").json() == members[0]
        assert client.get("/api/clusters?most=3").json()[0]["number"] == 0
        assert "/api/edits" in client.get("/api/openapi.json").json()["paths"]

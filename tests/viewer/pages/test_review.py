"""Cluster edits in a real browser, by mouse and by keyboard, and in two tabs at once."""

import re

from tests.viewer.conftest import no_sideways_scroll

from reseen.audit.answers import read_answers


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

"""People in a real browser: the gestures by keyboard, with the keystrokes of 20 typical corrections, and on a phone."""

from dataclasses import replace

import numpy as np
import pytest
from tests.house.source import PROJECT
from tests.viewer.conftest import no_sideways_scroll

from reseen.gallery.entries import Entries
from reseen.gallery.gallery import Gallery
from reseen.gallery.stores.in_memory import MemoryStore
from reseen.viewer.edits.people_edits import update_people

CORRECTIONS = []
"""Name and function of each correction, in the order in which they are made."""

SHOWN_KEYS = {"ArrowDown": "↓", "ArrowRight": "→", "Shift+ArrowRight": "Shift →"}


@pytest.fixture
def gallery(filled):
    """Crops of the drawn crowd with made vectors and tracklets; some tracklets are new, so in no cluster."""
    generator = np.random.default_rng(0)
    means, seen, entries, vectors = {}, {}, [], []
    for entry in sorted(filled.content.entries, key=lambda one: one.image):
        name = entry.image.rpartition("/")[2][:4]
        mean = means.setdefault(name, generator.standard_normal(16))
        number = seen[name] = seen.get(name, -1) + 1
        is_new = len(means) > 6 and number >= 6
        place = 100 * len(means) + number // 3
        entries.append(replace(entry, tracklet=place, cluster=None if is_new else entry.cluster))
        vector = mean + 0.3 * generator.standard_normal(16)
        vectors.append(vector / np.linalg.norm(vector))
    store = MemoryStore(replace(filled.identity, dimension=16))
    store.add(Entries(entries, np.array(vectors, np.float32)))
    return Gallery(store, filled.run)


@pytest.fixture
def people(served):
    """People of the clusters."""
    update_people(served.editor, served.viewer.snapshot.version)
    return served.editor.people


class Hands:
    """Presses keys, waits for what they do, and counts them."""

    def __init__(self, tab, people):
        self.tab, self.people = tab, people
        self.count, self.keys = 0, []

    def press(self, *keys):
        """Press keys at once."""
        for key in keys:
            self.tab.keyboard.press(key)
            self.keys.append(SHOWN_KEYS.get(key, key))
            self.count += key.count("+") + 1

    def type(self, text):
        """Type a name."""
        self.tab.keyboard.type(text)
        self.keys.append(f'"{text}"')
        self.count += len(text)

    def edit(self, *keys):
        """Press keys that make an edit, and wait for the page with it."""
        version = self.tab.locator("#main").get_attribute("data-version")
        self.press(*keys)
        self.tab.wait_for_function(
            "old => document.getElementById('main').dataset.version !== old", arg=version
        )

    def go(self, *keys):
        """Press keys that lead to another page."""
        before = self.tab.url
        self.press(*keys)
        self.tab.wait_for_url(lambda address: address != before)
        self.tab.wait_for_load_state()

    @property
    def person(self):
        """The person of the page."""
        return self.people.get(int(self.tab.url.partition("?")[0].rpartition("/")[2]))

    @property
    def asked(self):
        """Keys of the crops of the question."""
        return self.tab.locator(".who input[name=crops]").evaluate_all("all => all.map(one => one.value)")


def correction(name):
    def add(function):
        CORRECTIONS.append((name, function))
        return function

    return add


@correction("open the largest person")
def _(hands):
    hands.press("ArrowDown")
    hands.go("Enter")
    assert hands.person.size == max(one.size for one in hands.people.all())


@correction("name the person (4 letters)")
def _(hands):
    hands.press("n")
    hands.type("Anna")
    hands.edit("Enter")
    assert hands.person.name == "Anna"


@correction("rename the person (3 letters)")
def _(hands):
    hands.press("n")
    hands.type("Eva")
    hands.edit("Enter")
    assert hands.person.name == "Eva"


@correction("confirm all crops")
def _(hands):
    hands.edit("c")
    assert hands.person.confirmed == hands.person.size


@correction("split a row off as somebody new")
def _(hands):
    before = len(hands.people)
    hands.press("ArrowDown", "Space")
    hands.edit("s")
    assert len(hands.people) == before + 1


@correction("take the last edit back")
def _(hands):
    before = len(hands.people)
    hands.edit("u")
    assert len(hands.people) == before - 1


@correction("move three crops to the most similar person")
def _(hands):
    before = hands.person.size
    hands.press("ArrowRight", "Space", "Shift+ArrowRight", "Shift+ArrowRight")
    assert hands.tab.locator(".bar strong").inner_text() == "3 crops"
    hands.edit("1")
    assert hands.person.size == before - 3


@correction("move a row to somebody new with a name (3 letters)")
def _(hands):
    hands.press("w", "t")
    hands.type("Ben")
    hands.edit("Enter")
    assert hands.people.find("Ben").size == 3


@correction("move a crop to somebody by name (3 letters)")
def _(hands):
    hands.press("Space", "t")
    hands.type("Ben")
    hands.edit("Enter")
    assert hands.people.find("Ben").size == 4


@correction("reject a crop: not this person")
def _(hands):
    before = hands.person
    hands.press("ArrowRight", "Space")
    hands.edit("x")
    (gone,) = set(before.keys) - set(hands.person.keys)
    assert hands.people.state.rejected[gone] == (before.id,)


@correction("confirm a row of the next person")
def _(hands):
    hands.go("j")
    hands.press("w")
    hands.edit("c")
    assert 0 < hands.person.confirmed <= 3


@correction("merge with the most similar person")
def _(hands):
    before = len(hands.people)
    hands.edit("1")
    assert len(hands.people) == before - 1


@correction("the next most similar person is somebody else")
def _(hands):
    hands.edit("d", "1")
    assert hands.people.journal.history.done[-1].kind == "different"


@correction("merge with somebody by name (3 letters)")
def _(hands):
    before = len(hands.people)
    hands.press("m")
    hands.type("Ben")
    hands.edit("Enter")
    assert len(hands.people) == before - 1


@correction("merge two people in the list")
def _(hands):
    before = len(hands.people)
    hands.go("b")
    hands.press("ArrowDown", "Space", "ArrowRight", "Space")
    hands.edit("m")
    assert len(hands.people) == before - 1


@correction("name somebody in the list (4 letters)")
def _(hands):
    hands.press("ArrowRight", "n")
    hands.tab.wait_for_selector("#naming[open]")
    hands.type("Cleo")
    hands.edit("Enter")
    assert hands.people.find("Cleo")


@correction("answer a question: the first candidate")
def _(hands):
    hands.go("a")
    crops = hands.asked
    candidate = hands.people.questions()[0].candidates[0].person
    hands.edit("1")
    assert {hands.people.person_of(key) for key in crops} == {candidate}


@correction("answer a question: the second candidate")
def _(hands):
    crops = hands.asked
    candidate = hands.people.questions()[0].candidates[1].person
    hands.edit("2")
    assert {hands.people.person_of(key) for key in crops} == {candidate}


@correction("answer a question: somebody new")
def _(hands):
    before = len(hands.people)
    hands.edit("n")
    assert len(hands.people) == before + 1


@correction("skip a question and answer the next one")
def _(hands):
    first, open_ones = hands.asked, len(hands.people.questions())
    hands.go("s")
    assert hands.asked != first
    hands.edit("1")
    assert len(hands.people.questions()) == open_ones - 1


def test_the_keystrokes_of_twenty_corrections_are_those_of_the_documentation(
    tab, served, people, record_property
):
    """The table in the documentation is what this test counts; the whole table is shown where it is not."""
    tab.goto(f"{served.address}/")
    assert tab.url == f"{served.address}/people"
    hands, lines = Hands(tab, people), []
    for name, correct in CORRECTIONS:
        begin, hands.keys = hands.count, []
        correct(hands)
        lines.append(f"| {name} | {' '.join(f'`{key}`' for key in hands.keys)} | {hands.count - begin} |")
    assert len(lines) == 20
    lines.append(f"| **all 20** | | **{hands.count}** |")
    record_property("keystrokes", hands.count)
    table = "\n".join(lines)
    assert table in (PROJECT / "docs" / "people.md").read_text(encoding="utf-8"), f"\n{table}"


def test_what_a_new_clustering_changed_is_shown_and_undone(tab, served, people):
    """Crops are clustered anew in the store, as `reseen index` does: a preview, the differences, and back."""
    editor, before = served.editor, {one.id: one.keys for one in people.all()}
    biggest = max(people.all(), key=lambda one: one.size)
    editor.edit_people(served.viewer.snapshot.version, lambda known: known.rename(biggest.id, "Anna"))
    free = served.viewer.snapshot.clusters.free_number
    served.viewer.recluster(dict.fromkeys(biggest.keys[: biggest.size // 3], free))
    tab.goto(f"{served.address}/people")
    tab.keyboard.press("l")
    tab.wait_for_selector("h1 >> text=What changed")
    tab.keyboard.press("v")
    tab.wait_for_selector("h1 >> text=What would change")
    assert "was split off Anna" in tab.locator(".changes").inner_text()
    tab.keyboard.press("y")
    tab.wait_for_selector("#notice >> text=People updated")
    assert "was split off Anna" in tab.locator(".changes").inner_text()
    assert people.get(biggest.id).size < biggest.size
    tab.keyboard.press("z")
    tab.wait_for_selector("#notice >> text=Undone: 1 edit")
    assert {one.id: one.keys for one in people.all()} == before
    assert people.find("Anna").id == biggest.id


def test_a_tracklet_is_a_query(tab, served, people):
    tab.goto(f"{served.address}/people/{people.all()[0].id}")
    row = tab.locator(".row-of-crops").first
    keys = row.locator("input[name=crops]").evaluate_all("all => all.map(one => one.value)")
    row.get_by_role("link", name="Search").click()
    tab.wait_for_selector(".match")
    assert f"{len(keys)} crops of a tracklet" in tab.locator(".query").inner_text()
    found = tab.locator(".match a[href^='/search']").evaluate_all("all => all.map(one => one.href)")
    assert not [address for address in found if any(key in address for key in keys)]
    assert tab.locator(".match a[href^='/people']").count()


def test_a_phone_makes_people_and_shows_every_page(phone, served):
    phone.goto(f"{served.address}/people")
    phone.get_by_role("button", name="Make people of the clusters").tap()
    phone.wait_for_selector(".sheet")
    first = served.editor.people.all()[0].id
    for page in ("", f"/{first}", "/nobody", "/questions", "/changes", "/changes?preview=true"):
        phone.goto(f"{served.address}/people{page}")
        assert no_sideways_scroll(phone), page

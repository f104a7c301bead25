"""Every page in a real browser, wide and narrow, light and dark: axe-core finds nothing, and nothing is cut off."""

from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.viewer.conftest import no_sideways_scroll

from reseen.gallery.entries import Entries
from reseen.gallery.gallery import Gallery
from reseen.gallery.stores.in_memory import MemoryStore
from reseen.viewer.edits.people_edits import update_people

PAGES = (
    "/clusters", "/clusters/0?tree=true", "/clusters/none", "/clusters/new", "/clusters/99", "/search",
    "/search?key=KEY", "/map", "/questions", "/review", "/rounds", "/forget", "/forget?key=KEY", "/api",
    "/people", "/people/nobody",
)  # fmt: skip

PAGES_OF_PEOPLE = ("/people/1", "/people/questions", "/people/changes", "/people/changes?preview=true")
"""Where there are some."""

LABELS = {
    "usual": lambda label: label,
    "never clustered": lambda label: None,
    "all outliers": lambda label: -1,
}

CASES = [("usual", 1280, "light", "dark"), ("usual", 390, "dark", "light")]
CASES += [(state, 390, "dark", None) for state in (*LABELS, "empty") if state != "usual"]
"""Both widths and themes of the usual gallery, of the others one. Each width and each theme gets all rules once; in the
other theme, where there is one, the same page gets the rule that depends on it."""

CUT_OFF = """
() => {
    const hidden = ".unseen, .skip, [hidden], dialog";
    const inScroller = (one) =>
        one !== document.body &&
        (["auto", "scroll"].includes(getComputedStyle(one).overflowX) || inScroller(one.parentElement));
    const cut = [];
    for (const one of document.querySelectorAll("body *")) {
        const { left, right } = one.getBoundingClientRect();
        const beyond = right > innerWidth + 1 || left < -1;
        const overflows = one.scrollWidth > one.clientWidth + 1;
        if ((!beyond && !overflows) || !one.checkVisibility() || one.closest(hidden)) continue;
        const outside = beyond && !inScroller(one);
        const clipped =
            overflows && ["hidden", "clip"].includes(getComputedStyle(one).overflowX) && one.innerText;
        if (outside || clipped) cut.push(one.outerHTML.slice(0, 90));
    }
    return cut;
}
"""

TOO_WIDE = """
() => {
    const wide = document.createElement("button");
    wide.textContent = "wide ".repeat(100);
    document.querySelector("main").append(wide);
}
"""


@pytest.fixture(params=[*LABELS, "empty"])
def gallery(request, filled):
    """Galleries whose crops are clustered, were never clustered, or are all outliers; and one without crops.

    They hold half of the drawn people, since axe looks at every crop of a page. In the usual one, every twentieth crop
    is new, about which `make_people` makes questions.
    """
    store = MemoryStore(filled.identity)
    if request.param != "empty":
        half = len(filled.content) // 2
        entries = [
            replace(entry, cluster=LABELS[request.param](entry.cluster))
            for entry in filled.content.entries[:half]
        ]
        if request.param == "usual":
            entries[::20] = [replace(entry, cluster=None, tracklet=None) for entry in entries[::20]]
        store.add(Entries(entries, filled.content.vectors[:half].copy()))
    return Gallery(store, filled.run)


def make_people(served):
    """People of the clusters, the first with a long name and a confirmed crop."""
    if len(served.viewer.snapshot.clusters):
        update_people(served.editor, served.viewer.snapshot.version)
        for change in (
            lambda people: people.rename(1, "Wolfeschlegelsteinhausenbergerdorff"),
            lambda people: people.confirm(people.get(1).keys[:1]),
        ):
            served.editor.edit_people(served.viewer.snapshot.version, change)
        assert served.editor.people.questions()


def pages(served):
    keys = served.viewer.snapshot.collection.keys
    chosen = [*PAGES, *(PAGES_OF_PEOPLE if len(served.editor.people) else ())]
    return [page.replace("KEY", keys[3]) if keys else page for page in chosen if keys or "KEY" not in page]


def visit(tab, served, page):
    tab.goto(served.address + page)
    if page == "/map" and len(served.viewer.snapshot.collection):
        tab.wait_for_selector("#map[data-ready]")


def ignore_missing_pages(tab):
    """A page that does not exist is shown with status 404, which the browser notes."""
    tab.complaints[:] = [words for words in tab.complaints if "404" not in words]


def violations(tab, **options):
    found = Axe().run(tab, options={"resultTypes": ["violations"], **options}).response["violations"]
    return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]


@pytest.mark.parametrize(("gallery", "width", "scheme", "other"), CASES, indirect=["gallery"])
def test_axe_finds_nothing(tab, served, width, scheme, other):
    tab.set_viewport_size({"width": width, "height": 800})
    make_people(served)
    for page in pages(served):
        tab.emulate_media(color_scheme=scheme)
        visit(tab, served, page)
        assert not violations(tab), page
        if other:
            tab.emulate_media(color_scheme=other)
            assert not violations(tab, runOnly={"type": "rule", "values": ["color-contrast"]}), page
    ignore_missing_pages(tab)


def test_nothing_is_cut_off_at_390_pixels(tab, served):
    tab.set_viewport_size({"width": 390, "height": 800})
    make_people(served)
    for page in pages(served):
        visit(tab, served, page)
        assert no_sideways_scroll(tab), page
        assert tab.evaluate(CUT_OFF) == [], page
        tab.evaluate(TOO_WIDE)
        assert len(tab.evaluate(CUT_OFF)) == 1, "the check finds nothing"
        tabs = [one.bounding_box() for one in tab.locator(".top nav a").all()]
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["y"] >= 0 for box in tabs), page
        current = tab.locator(".top nav a[aria-current]")
        assert current.count() == (page != "/api")
    ignore_missing_pages(tab)

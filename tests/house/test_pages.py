"""Pages of the documentation: their links lead somewhere, none is too long, and no table is cut off."""

import re
import unicodedata
from math import ceil
from pathlib import Path

import pytest
from tests.house.documents import FENCE, INLINE, name, pages
from tests.house.source import PROJECT

import reseen

DOCS = PROJECT / "docs"
PAGES = [page for page in pages() if page.is_relative_to(DOCS)]
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
API_OBJECT = re.compile(r"^::: ([\w.]+)", re.MULTILINE)
INCLUDED = re.compile(r'^--8<-- "([^":]+)(?::(\w+))?"$', re.MULTILINE)

SCREEN = 1000
"""Pixels."""
LONGEST = 10 * SCREEN
LOOKED_UP = {"docs/recipes.md"}
"""Searched and not read: a table of every setting."""

TEXT_COLUMNS = 88
"""Characters in a line of text, in a window of 1,280 pixels."""
TABLE_COLUMNS = 104
"""Characters in a line of a table, whose letters are smaller."""


def prose(page):
    """The text of a page without fenced blocks; of what is in backticks, as many characters of another kind."""
    return INLINE.sub(lambda found: "x" * len(found[0]), FENCE.sub("", page.read_text(encoding="utf-8")))


def links(page):
    """Targets of the links of a page that lead to another page or to a place on this one."""
    return [target for target in LINK.findall(prose(page)) if "://" not in target]


def anchors(page):
    """What may follow `#` in a link to a page: one for each heading, as the build makes them."""
    text, found = FENCE.sub("", page.read_text(encoding="utf-8")), set(API_OBJECT.findall(page.read_text()))
    for heading in HEADING.findall(text):
        slug = slugify(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading))
        number = 0
        while (unique := f"{slug}_{number}" if number else slug) in found:
            number += 1
        found.add(unique)
    return found


def slugify(heading):
    """The anchor of a heading, by the rule of Python-Markdown."""
    plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_a_page_and_a_heading_that_exist(page):
    for target in links(page):
        path, _, anchor = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        assert other.is_file(), target
        assert other.is_relative_to(DOCS), f"{target} is not part of the site"
        assert not anchor or anchor in anchors(other), target


def test_a_link_that_leads_nowhere_would_be_found():
    assert len([target for page in PAGES for target in links(page)]) > 150
    page = DOCS / "results" / "index.md"
    assert "protocols" in anchors(page)
    assert "protocol" not in anchors(page)
    assert slugify("Folders train, query and gallery") == "folders-train-query-and-gallery"


def navigation():
    """Every page that `mkdocs.yml` names in its navigation."""
    text = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8")
    return re.findall(r"(?:-|:) ([\w/-]+\.md)$", text[text.index("\nnav:") :], re.MULTILINE)


def test_every_page_is_in_the_navigation_once_or_linked_from_the_results():
    named = navigation()
    assert len(named) == len(set(named))
    assert {page.relative_to(DOCS).as_posix() for page in PAGES} - set(named) == {"diary.md"}
    assert "../diary.md" in links(DOCS / "results" / "index.md")


def test_every_public_name_is_on_one_page_of_the_api_and_in_its_list():
    api = [page for page in PAGES if page.parent == DOCS / "api"]
    objects = [found for page in api for found in API_OBJECT.findall(page.read_text(encoding="utf-8"))]
    assert len(objects) == len(set(objects))
    named = {found.rpartition(".")[2] for found in objects} | {"__version__"}
    assert "reseen.errors" in objects  # with every error in it
    named |= {name for name in reseen.__all__ if hasattr(reseen.errors, name)}
    parts = (DOCS / "api" / "index.md").read_text(encoding="utf-8")
    named |= {name for name in reseen.__all__ if f"`reseen.{name}`" in parts}
    assert set(reseen.__all__) <= named
    linked = {target.partition("#")[2] for target in links(DOCS / "api" / "index.md")} - {""}
    assert {anchor for anchor in linked if anchor.startswith("reseen.")} <= set(objects)
    classes = {found for found in objects if found.rpartition(".")[2] in set(reseen.__all__) - {"evaluate"}}
    assert classes <= linked  # `evaluate` is also a function within the part of that name


def tables(text):
    """Every table of a text outside fenced blocks, as rows of cells."""
    for block in re.findall(r"(?:^ *\|.*\n?)+", FENCE.sub("", text), re.MULTILINE):
        rows = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in block.splitlines()]
        if len(rows) > 2 and set("".join(rows[1])) <= set(" -:"):
            yield [[shown(cell) for cell in row] for row in (rows[0], *rows[2:])]


def shown(cell):
    """A cell as it is read: of a link its text, and no signs of markup."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell).replace("`", "").replace("*", "").strip()


def needed_columns(table):
    """Characters that the table needs at least: those of its widest words, and the room between cells."""
    # A mean stays with its deviation, and a name in code is broken only in narrow windows.
    words = [
        [re.sub(r" ± ", "±±±", cell).split() or [""] for cell in column]
        for column in zip(*table, strict=True)
    ]
    return sum(max(len(word) for cell in column for word in cell) + 2 for column in words)


def scrolls():
    """Whether tables that are too wide get a scroll bar: the theme's container, which a class would prevent."""
    style = (DOCS / "stylesheets" / "extra.css").read_text(encoding="utf-8")
    settings = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8")
    rule = re.search(r"\.md-typeset__scrollwrap \{[^}]*overflow-x: auto;", style)
    return (
        rule is not None and "extra_css: [stylesheets/extra.css]" in settings and "name: material" in settings
    )


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_table_wider_than_the_text_is_in_a_scroll_container(page):
    text = page.read_text(encoding="utf-8")
    for table in tables(text):
        assert len({len(row) for row in table}) == 1, f"rows of different length: {table[0]}"
        assert needed_columns(table) <= TABLE_COLUMNS or scrolls(), table[0]
    outside = FENCE.sub("", text)
    assert "<table" not in outside, "a table in HTML gets no scroll container"
    assert not re.search(r"^\{: *\.|^\{\.", outside, re.MULTILINE), (
        "a table with a class gets no scroll container"
    )


def test_there_are_tables_that_need_the_scroll_container():
    wide = [
        table for page in PAGES for table in tables(page.read_text()) if needed_columns(table) > TABLE_COLUMNS
    ]
    assert wide
    assert scrolls()
    assert needed_columns([["Arm", "mAP"], ["`a`", "23.4 ± 0.7"]]) == len("Arm") + len("23.4 ± 0.7") + 4


def height(page):
    """About how many pixels a page is high in a window of 1,280 pixels, counted from its lines."""
    text = re.sub(r"\A---\n.*?\n---\n", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = INCLUDED.sub(included, text)
    pixels = 250.0  # header, footer and margins
    for _, code in FENCE.findall(text):
        pixels += 36 + 19 * len(code.splitlines())
    text = FENCE.sub("", text)
    for table in tables(text):
        pixels += 30 + sum(16 + 20 * lines(row, table) for row in table)
    text = re.sub(r"^ *\|.*\n?", "", text, flags=re.MULTILINE)
    for block in re.split(r"\n\s*\n|\n(?= *(?:[-*]|\d+\.) )", text):
        if block.lstrip().startswith("#"):
            pixels += 62
        elif block.lstrip().startswith("!["):
            pixels += 420
        elif block.strip():
            pixels += 14 + 25.6 * ceil(len(shown(" ".join(block.split()))) / TEXT_COLUMNS)
    return pixels


def included(found):
    """The lines of a file that a page shows."""
    text = (PROJECT / found[1]).read_text(encoding="utf-8")
    if found[2]:
        text = text.partition(f"[start:{found[2]}] -->")[2].partition("<!-- --8<--")[0]
    return text


def lines(row, table):
    """Lines of a row, if the columns share the width by their longest cells."""
    widest = [
        min(max(len(cell) for cell in column), TABLE_COLUMNS) + 2 for column in zip(*table, strict=True)
    ]
    share = min(1.0, TABLE_COLUMNS / sum(widest))
    return max(ceil((len(cell) + 2) / max(width * share, 8)) for cell, width in zip(row, widest, strict=True))


@pytest.mark.parametrize("page", [page for page in PAGES if name(page) not in LOOKED_UP], ids=name)
def test_no_page_is_longer_than_ten_screens(page):
    assert height(page) < LONGEST, f"{name(page)}: split it"


def test_a_page_that_is_too_long_would_be_found(tmp_path: Path):
    page = tmp_path / "long.md"
    page.write_text("\n\n".join(["word " * 160] * 50), encoding="utf-8")  # 50 paragraphs of 10 lines
    assert height(page) > LONGEST
    page.write_text("# Short\n\nOne line.\n", encoding="utf-8")
    assert height(page) < SCREEN

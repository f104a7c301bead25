import io

import numpy as np
import simplejpeg
from rich.console import Console
from tests.gallery.conftest import draw

from reseen.gallery.entries import Entry
from reseen.gallery.gallery import Match
from reseen.gallery.search_results import SearchResults
from reseen.gallery.terminal import entry_table, result_table, thumbnail_row


def shown(renderable, **options):
    console = Console(file=io.StringIO(), width=100, **options)
    console.print(renderable)
    return console.file.getvalue()


def test_columns_without_anything_are_left_out():
    bare = Match(Entry("/c", "a.jpg"), 0.5, None)
    text = shown(result_table(SearchResults(("q.jpg",), (b"",), [bare])))
    assert "camera" not in text
    assert "same person" not in text
    full = Match(Entry("/c", "a[b].jpg", camera="c1", time=3.0, cluster=-1), 0.5, 0.25, 4)
    text = shown(result_table(SearchResults(("q.jpg",), (b"",), [full])))
    for part in ("c1", "3.0 s", "none", "25%", "a[b].jpg"):
        assert part in text


def test_no_answer_is_said():
    assert "No crop in the gallery matches" in shown(result_table(SearchResults(("q.jpg",), (b"",), [])))


def test_a_long_list_is_cut_and_counted():
    assert "and 28 more" in shown(entry_table(draw(40).entries))


def test_crops_are_drawn_where_there_are_colors():
    red = simplejpeg.encode_jpeg(np.full((64, 32, 3), (200, 0, 0), dtype=np.uint8), colorspace="RGB")
    answers = SearchResults(("missing.jpg",), (b"",), [Match(Entry("/c", "a.jpg", red), 0.9, None)])
    plain = Console(file=io.StringIO(), force_terminal=False)
    assert thumbnail_row(plain, answers) is None
    colored = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=80)
    text = thumbnail_row(colored, answers)
    lines = text.plain.splitlines()
    assert len(lines) == 12
    assert {span.style.color.name for span in text.spans} >= {"#000000"}  # the query that cannot be read
    assert any(int(span.style.color.name[1:3], 16) > 180 for span in text.spans)


def test_names_cannot_steer_the_terminal():
    name = "\x1b[2J\n\u202egpj.exe"
    entry = Entry("/c", name, camera="\x1b]0;title\x07")
    text = shown(result_table(SearchResults((name,), (b"",), [Match(entry, 0.5, None)]))) + shown(
        entry_table([entry])
    )
    assert not set("\x1b\x07\u202e") & set(text)
    assert "\\x1b[2J\\n\\u202egpj.exe" in text

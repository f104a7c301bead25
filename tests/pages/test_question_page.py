import json

import numpy as np
import pytest

from reseen.errors import StorageError
from reseen.pages import Question, QuestionsContent, render_questions, write_questions_page


def crop(value):
    return np.full((16, 8, 3), value, np.uint8)


def content(**changes):
    questions = [
        Question("together-1", ["a.jpg", "b.jpg"], [crop(10), crop(200)]),
        Question("group", ["a.jpg", "c.jpg", "</script>.jpg"], [crop(10), crop(90), crop(120)]),
    ]
    values = {"title": "Same person?", "sheet": "1f2e", "run": "mine", "questions": questions} | changes
    return QuestionsContent(**values)


def data_of(page):
    begin = page.index('id="data">') + len('id="data">')
    return json.loads(page[begin : page.index("</script>", begin)])


def test_the_page_holds_every_question_and_asks_the_network_for_nothing():
    page = render_questions(content())
    data = data_of(page)
    assert data["sheet"] == "1f2e"
    assert [question["stratum"] for question in data["questions"]] == ["together-1", "group"]
    assert [one["path"] for one in data["questions"][1]["crops"]] == ["a.jpg", "c.jpg", "</script>.jpg"]
    assert page.count("data:image/jpeg") == 4  # a crop that comes twice is in the file once
    names = {one["name"] for question in data["questions"] for one in question["crops"]}
    assert all(f'<image id="{name}"' in page for name in names)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "fetch(" not in page
    assert "src=" not in page


def test_what_was_predicted_is_not_shown():
    page = render_questions(content())
    shown = page[: page.index('<script type="application/json"')]
    assert "together" not in shown


def test_answers_from_before_go_into_the_file_too():
    earlier = [("1f2e", "apart-1", "different", ["x.jpg", "y.jpg"])]
    data = data_of(render_questions(content(earlier=earlier)))
    assert data["earlier"] == [["1f2e", "apart-1", "different", ["x.jpg", "y.jpg"]]]


def test_the_page_is_written_whole_or_not_at_all(tmp_path):
    write_questions_page(tmp_path / "pairs.html", content())
    assert (tmp_path / "pairs.html").read_text().startswith("<!doctype html>")
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        write_questions_page(tmp_path / "file" / "pairs.html", content())

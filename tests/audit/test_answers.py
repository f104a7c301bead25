import pytest

from reseen.audit import Answer, pair_constraints, read_answers, write_answers
from reseen.errors import DataError

ANSWERS = [
    Answer("s1", "together-1", "same", ("a,1.jpg", 'b "2".jpg')),
    Answer("s1", "apart-1", "different", ("c.jpg", "d.jpg")),
    Answer("s1", "group", "same", ("e.jpg", "f.jpg", "g.jpg")),
    Answer("s1", "group", "different", ("h.jpg", "i.jpg", "j.jpg")),
    Answer("s1", "apart-2", "unsure", ("k.jpg", "ü.jpg")),
]


def test_a_file_gives_answers_back(tmp_path):
    write_answers(tmp_path / "a.csv", ANSWERS)
    assert read_answers([tmp_path / "a.csv"]) == ANSWERS


def test_files_add_up_and_the_later_answer_counts(tmp_path):
    turned = Answer("s1", "apart-1", "same", ("d.jpg", "c.jpg"))
    write_answers(tmp_path / "a.csv", ANSWERS)
    write_answers(tmp_path / "b.csv", [turned])
    assert read_answers([tmp_path / "a.csv", tmp_path / "b.csv"]) == [
        *(one for one in ANSWERS if one.stratum != "apart-1"),
        turned,
    ]


def test_what_follows_from_answers():
    must, cannot = pair_constraints(ANSWERS)
    assert must == [("a,1.jpg", 'b "2".jpg'), ("e.jpg", "f.jpg"), ("f.jpg", "g.jpg")]
    assert cannot == [("c.jpg", "d.jpg")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,cluster\na,1\n", "line 2: lacks sheet, stratum, answer"),
        ("sheet,stratum,answer,crop_1,crop_2\ns,x,maybe,a,b\n", "same, different or unsure, found 'maybe'"),
        ("sheet,stratum,answer,crop_1,crop_2\ns,x,same,a,a\n", "at least two different crops"),
        ("sheet,stratum,answer,crop_1,crop_2\ns,x,same,a,\n", "at least two different crops"),
        ("sheet,stratum,answer,crop_1,crop_2\ns,x\n", "line 2: lacks answer"),
    ],
)
def test_a_file_of_something_else_says_so(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=r"a\.csv") as found:
        read_answers([tmp_path / "a.csv"])
    assert words in str(found.value)


def test_a_missing_file_says_where_it_comes_from(tmp_path):
    with pytest.raises(DataError, match="save it from the page"):
        read_answers([tmp_path / "none.csv"])
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DataError, match="cannot be read"):
        read_answers([tmp_path / "binary.csv"])

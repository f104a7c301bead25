import json
import math
from dataclasses import dataclass

import pytest
from pydantic import BaseModel

from reseen.reading import parse_as, parse_json, read_json, validate_as


@dataclass(frozen=True)
class Line:
    name: str
    numbers: tuple[float, ...]
    count: int = 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 200_000 + "]" * 200_000, "recursion"),
        ('{"a":' * 300 + "1" + "}" * 300, "recursion"),
        ("9" * 4000, "64 bits"),
        ('{"a": [' + "9" * 30 + "]}", "64 bits"),
        ("9" * 5000, "out of range"),
        (r'"\ud800"', "hex escape"),
        ('"\ud800"', "surrogate"),
        (b'"\xff"', "unicode"),
        ("", "EOF"),
    ],
)
def test_what_a_reader_could_stumble_over_is_refused_in_a_line(text, said):
    with pytest.raises(ValueError, match=said) as raised:
        parse_json(text)
    assert "\n" not in str(raised.value)


def test_what_python_writes_is_read_again_to_the_bit():
    values = {"a": [0.1, 1e-300, -2.5, 2**63], "b": None, "c": "é\n", "d": [float("inf")]}
    assert parse_json(json.dumps(values)) == values
    assert math.isnan(parse_json("NaN"))


def test_a_type_is_held_to():
    assert parse_as(Line, '{"name": "a", "numbers": [1, 2.5]}') == Line("a", (1.0, 2.5))
    for text, said in (
        ('{"name": 3, "numbers": []}', "name: "), ('{"name": "a", "numbers": ["1"]}', r"numbers\.0: "),
        ('{"name": "a"}', "numbers: "), ('{"name": "a", "numbers": [], "more": 1}', "unknown field 'more'"),
        ('{"name": "a", "numbers": [], "count": true}', "count: "), ("[]", "object"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            parse_as(Line, text)


def test_a_model_is_held_to():
    class Model(BaseModel):
        count: int

    assert validate_as(Model, {"count": 1}).count == 1
    with pytest.raises(ValueError, match="count: "):
        validate_as(Model, {"count": "1"})
    with pytest.raises(ValueError, match="count: "):
        validate_as(Model, {"count": True})


def test_a_large_file_is_refused_unread(tmp_path):
    (tmp_path / "a.json").write_text("[" + "0," * 999 + "0]")
    assert len(read_json(tmp_path / "a.json")) == 1000
    with pytest.raises(ValueError, match="at most 1,000 are read"):
        read_json(tmp_path / "a.json", most_bytes=1000)

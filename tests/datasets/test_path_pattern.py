import random
import re

import pytest

from reseen.datasets.path_pattern import MOST_WILDCARDS, compile_pattern
from reseen.errors import SettingsError


def as_regular_expression(text):
    expression = ""
    for part in re.split(r"(\{[^{}]*\})", text):
        if part == "{*}":
            expression += ".*?"
        elif part.startswith("{") and part.endswith("}"):
            expression += f"(?P<{part[1:-1]}>[^/]+?)"
        else:
            expression += re.escape(part)
    return re.compile(expression, re.IGNORECASE | re.DOTALL)


def test_fields_are_those_of_a_regular_expression_with_lazy_wildcards():
    generator = random.Random(0)
    for _ in range(2000):
        fields = ["{camera}", "{tracklet}", "{time}", "{*}", "{*}", "a", "b/", "_", "A"]
        generator.shuffle(fields)
        text = "".join(["{camera}", *[f for f in fields if f != "{camera}"]][: generator.randint(1, 7)])
        pattern, wanted = compile_pattern(text), as_regular_expression(text)
        for _ in range(5):
            path = "".join(generator.choice("ab/_B") for _ in range(generator.randint(0, 10)))
            found = wanted.fullmatch(path)
            assert pattern.expression.fullmatch(path) == (found.groupdict() if found else None), (text, path)


def test_a_pattern_that_a_regular_expression_takes_minutes_for():
    pattern = compile_pattern("{*}a" * 15 + "{camera}!")
    assert pattern.match("a" * 4000) is None  # a hang, where it is wrong
    assert pattern.match("a" * 4000 + "!") == {"camera": "a" * 3985}


def test_wildcards_are_limited():
    with pytest.raises(SettingsError, match=f"at most {MOST_WILDCARDS}"):
        compile_pattern("{camera}" + "{*}a" * MOST_WILDCARDS)

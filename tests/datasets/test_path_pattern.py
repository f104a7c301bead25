"""Times in the names of files: read whole, or refused."""

import random
import re
from datetime import datetime

import numpy as np
import pytest

from reseen.datasets import read_training
from reseen.datasets.path_pattern import MOST_WILDCARDS, compile_pattern
from reseen.errors import DataError, SettingsError


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


NOON = datetime(2024, 5, 1, 12, 30, 15).timestamp()


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("gate_2024-05-01_12-30-15.jpg", "{camera}_{time}.jpg"),
        ("gate_2024-05-01T12:30:15_7.jpg", "{camera}_{time}_{*}.jpg"),
        ("gate_20240501123015_7.jpg", "{camera}_{time}_{*}.jpg"),
        ("gate_20240501T123015.jpg", "{camera}_{time}.jpg"),
        ("gate_2024-05-01_12-30-15_7.jpg", "{camera}_{date}_{clock}_{*}.jpg"),
        ("gate_20240501_123015_7.jpg", "{camera}_{date}_{clock}_{*}.jpg"),
        ("2024-05-01/gate_12.30.15.jpg", "{date}/{camera}_{clock}.jpg"),
    ],
)
def test_a_time_is_read_whole(make_images, name, pattern):
    table = read_training(make_images(name), pattern=pattern)
    assert table.times.tolist() == [NOON]
    assert table.camera_names == ("gate",)


@pytest.mark.parametrize(
    ("name", "clock"),
    [
        ("gate_2024-05-01_12-30-15_7.jpg", "12-30-15"),
        ("gate_20240501_123015_7.jpg", "123015"),
        ("gate_2024-05-01_1230_7.jpg", "1230"),
        ("gate_2024-05-01T12_30_7.jpg", "30"),
    ],
)
def test_a_pattern_that_would_drop_the_clock_is_refused(make_images, name, clock):
    with pytest.raises(
        SettingsError, match=rf"would drop the clock time '{clock}' after it; use the fields {{date}}"
    ):
        read_training(make_images(name), pattern="{camera}_{time}_{*}.jpg")


def test_a_day_without_a_clock_is_a_day(make_images):
    root = make_images("gate_2024-05-01_frame7.jpg", "gate_20240501_0000077.jpg")
    table = read_training(root, pattern="{camera}_{time}_{*}.jpg")
    assert set(table.times) == {datetime(2024, 5, 1).timestamp()}


def test_other_times(make_images):
    root = make_images("a_12.5.jpg", "b.jpg")
    times = read_training(root, pattern="{camera}_{time}.jpg").times
    assert times[0] == 12.5
    assert np.isnan(times[1])
    with pytest.raises(DataError, match="'2024-02-31T12-00' is not a time"):
        read_training(
            make_images("a_2024-02-31_12-00.jpg", folder="b"), pattern="{camera}_{date}_{clock}.jpg"
        )
    for pattern in ("{date}_{*}", "{time}_{date}_{clock}"):
        with pytest.raises(SettingsError, match=r"use either {time}, or {date} and {clock} together"):
            read_training(root, pattern=pattern)

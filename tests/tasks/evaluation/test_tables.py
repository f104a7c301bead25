"""What the terminal shows beside the scores."""

import numpy as np
from rich.console import Console
from tests.evaluate.crowds import features

from reseen.evaluate import RetrievalTask, score
from reseen.tasks.evaluation.tables import detail_tables


def shown(cameras, details=True, names=()):
    generator = np.random.default_rng(0)
    rows = features(np.eye(8)[np.arange(40) % 8])
    people, where = np.arange(40) % 8 + 1, generator.integers(0, cameras, 40)
    made = score(RetrievalTask(rows, rows, people, where, people, where), details=details)
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    for part in detail_tables(made, names):
        console.print(part)
    return console.export_text()


def test_intervals_rates_and_cameras_in_percent():
    text = shown(3)
    assert "95% intervals, bootstrap over people: mAP 100.0 to 100.0; Rank-1 100.0 to 100.0" in text
    assert "100.0 at 0.0001; 100.0 at 0.001; 100.0 at 0.01" in text
    pairs = text[text.index("query camera (row)") :]
    assert pairs.count("100.0") == 12  # mAP and Rank-1 from each of three cameras to the two others


def test_many_cameras_are_left_to_the_file():
    text = shown(30)
    assert "the table of all camera pairs is in --json" in text
    assert "by query camera (row)" not in text


def test_a_score_without_details_has_nothing_to_add():
    assert shown(3, details=False) == ""


def test_cameras_are_called_by_their_names_and_six_fit_a_narrow_terminal():
    text = shown(6, names=[f"c{number}" for number in range(1, 7)])
    pairs = text[text.index("query camera (row)") :].splitlines()
    heading = next(line for line in pairs if "c1" in line)
    assert heading.split() == [f"c{number}" for number in range(1, 7)]
    assert max(len(line.rstrip()) for line in pairs) < 80

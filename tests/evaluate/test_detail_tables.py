"""What the terminal shows beside the scores."""

import numpy as np
from rich.console import Console
from tests.evaluate.crowds import features

from reseen.evaluate import RetrievalTask, score
from reseen.evaluate.detail_tables import detail_tables


def shown(cameras, details=True):
    generator = np.random.default_rng(0)
    rows = features(np.eye(8)[np.arange(40) % 8])
    people, where = np.arange(40) % 8 + 1, generator.integers(0, cameras, 40)
    made = score(RetrievalTask(rows, rows, people, where, people, where), details=details)
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    for part in detail_tables(made):
        console.print(part)
    return console.export_text()


def test_intervals_rates_and_cameras_in_percent():
    text = shown(3)
    assert "95% intervals, bootstrap over people: mAP 100.0 to 100.0; Rank-1 100.0 to 100.0" in text
    assert "100.0 at 0.0001; 100.0 at 0.001; 100.0 at 0.01" in text
    assert text.count("100.0 / 100.0") == 6  # from each of three cameras to the two others


def test_many_cameras_are_left_to_the_file():
    text = shown(30)
    assert "--json has the table of all pairs" in text
    assert "100.0 / 100.0" not in text


def test_a_score_without_details_has_nothing_to_add():
    assert shown(3, details=False) == ""

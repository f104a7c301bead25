"""What training says of the time that it still takes."""

from dataclasses import fields

import pytest

from reseen.runs import console
from reseen.runs.console import RunView
from reseen.runs.log import RoundRecord


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass as the test says."""
    now = [100.0]
    monkeypatch.setattr(console.time, "perf_counter", lambda: now[0])
    return now


def record(number):
    values = {field.name: 0.5 for field in fields(RoundRecord)}
    texts = {"round": number, "losses": {"contrast": 0.5}, "processes": 1, "notes": ()}
    return RoundRecord(**values | texts)


def test_the_time_left_is_the_mean_of_the_rounds_so_far(clock):
    view = RunView(4, quiet=True)
    assert view._status() == "time left: known after a round"
    clock[0] += 80
    view.round_done(record(1))
    assert view._status() == "4 min 00 s left"
    clock[0] += 30
    assert view._status() == "3 min 30 s left"
    clock[0] += 10
    view.round_done(record(2))
    assert view._status() == "2 min 00 s left"
    clock[0] += 500
    assert view._status() == "0 s left"


def test_at_the_end_how_long_it_took_and_rounds_before_a_resume_do_not_count(clock):
    view = RunView(3, quiet=True)
    view.resumed(1)
    clock[0] += 4_000
    view.round_done(record(2))
    assert view._status() == "1 h 06 min left"
    clock[0] += 4_000
    view.round_done(record(3))
    assert view._status() == "took 2 h 13 min"


def test_without_a_terminal_a_line_per_round(clock, capsys):
    with RunView(2) as view:
        clock[0] += 75
        view.round_done(record(1))
    assert capsys.readouterr().err.strip().endswith("· 1 min 15 s left")

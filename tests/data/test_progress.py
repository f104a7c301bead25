"""One style of time left, whoever shows it."""

import io
import re

import pytest
from rich.console import Console
from rich.progress import Progress
from tests.house.source import PACKAGE, source_files

from reseen.data import progress
from reseen.data.progress import ProgressBar, bar_columns, duration, time_left


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.6, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (3900, "1 h 05 min"),
        (90_000, "25 h 00 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
    assert time_left(seconds) == f"{text} left"


def test_time_that_is_not_known_or_over():
    assert time_left(None) == ""
    assert time_left(-3) == "0 s left"


def test_a_bar_says_the_time_left_and_then_how_long_it_took():
    clock = [0.0]
    out = io.StringIO()
    bars = Progress(
        *bar_columns(), console=Console(file=out, width=120, force_terminal=False), get_time=lambda: clock[0]
    )
    task = bars.add_task("features", total=100)

    def line():
        console = Console(file=io.StringIO(), width=120)
        console.print(bars.make_tasks_table(bars.tasks))
        return console.file.getvalue().strip()

    assert " left" not in line()
    for _ in range(5):
        clock[0] += 10
        bars.advance(task, 10)
    bars.columns[-1]._renderable_cache.clear()
    assert re.search(r"features .* 50/100 50 s left$", line())
    clock[0] += 50
    bars.advance(task, 50)
    assert line().endswith("took 1 min 40 s")


def test_a_bar_is_shown_after_a_while_in_a_terminal_alone(monkeypatch, capsys):
    with ProgressBar("Decoding crops", 10, show=True) as bar:
        bar.advance(10)
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", -1.0)
    with ProgressBar("Decoding crops", 10, show=True) as bar:
        bar.advance(10)
    assert "Decoding" not in capsys.readouterr().err
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with ProgressBar("Decoding crops", 10, show=True) as bar:
        bar.advance(10)
    assert "Decoding crops" in capsys.readouterr().err
    with ProgressBar("Decoding crops", 10, show=False) as bar:
        bar.advance(10)
    assert "Decoding crops" not in capsys.readouterr().err


def test_nobody_else_has_columns_of_their_own():
    others = [path for path in source_files() if path != PACKAGE / "data" / "progress.py"]
    assert not [
        path for path in others if re.search(r"BarColumn|TimeRemaining|TimeElapsed", path.read_text())
    ]

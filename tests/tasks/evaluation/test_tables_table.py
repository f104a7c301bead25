"""What the terminal shows."""

from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from reseen.evaluate.metrics import RetrievalScore
from reseen.tasks.evaluation.tables import score_table


def made_up(precision, valid=90):
    return RetrievalScore(
        "market",
        precision,
        {1: precision + 0.2, 5: 0.9, 10: 0.95},
        0.1,
        100,
        valid,
        2000,
        np.full(100, precision),
    )


def printed(table):
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(table)
    return console.export_text()


def test_before_and_after_in_percent_with_gain():
    text = printed(score_table({"before": made_up(0.052), "after": made_up(0.3049)}))
    assert all(figure in text for figure in ("5.2", "30.5", "+25.3"))
    assert all(heading in text for heading in ("mAP", "Rank-1", "Rank-5", "Rank-10", "mINP"))
    assert all(words in text for words in ("90 queries (10 skipped", "2,000 gallery"))


def test_one_score_has_no_gain():
    text = printed(score_table({"run": made_up(0.3, valid=100)}))
    assert not any(word in text for word in ("gain", "skipped"))


def test_no_score_is_an_error():
    with pytest.raises(ValueError, match="at least one score"):
        score_table({})


def test_warnings_of_the_last_score_follow_in_yellow():
    first = replace(made_up(0.3), notes=("of the first",))
    table = score_table(
        {"before": first, "after": replace(made_up(0.4), notes=("few queries", "one camera"))}
    )
    assert "warning: few queries" in printed(table)
    assert "of the first" not in printed(table)
    warnings = [part for part in table.renderables if str(part).startswith("warning")]
    assert [(str(part), part.style) for part in warnings] == [
        ("warning: few queries", "yellow"),
        ("warning: one camera", "yellow"),
    ]

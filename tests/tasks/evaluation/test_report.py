from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reseen
from reseen.data.crops import open_crops
from reseen.errors import StorageError
from reseen.evaluate.metrics import score
from reseen.runs.run_outcome import OUTCOME, CollapseStop, read_outcome, write_outcome
from reseen.tasks.evaluation import report as module
from reseen.tasks.evaluation.report import report_run
from reseen.tasks.evaluation.score import read_benchmark, retrieve


@pytest.fixture
def made(tiny_flags, crowd, tmp_path):
    recipe = reseen.load_recipe("cluster-contrast", tiny_flags)
    run = reseen.train(recipe, crowd, tmp_path / "run", quiet=True)
    crops = open_crops(reseen.read_training(crowd), recipe.data, 64, 32, progress=False)
    return run, crops, retrieve(run, read_benchmark(crowd), quiet=True)


def test_one_page_with_clusters_curves_and_lists_that_needs_nothing_else(made, tmp_path):
    run, crops, retrieval = made
    page = tmp_path / "deep" / "report.html"
    report_run(page, run, crops, retrieval, {"after": retrieval.score()}, "A title <&>")
    text = page.read_text(encoding="utf-8")
    assert "A title &lt;&amp;&gt;" in text
    assert "cluster 0" in text
    assert "average precision" in text
    assert "data:image/" in text
    for outside in ('src="http', 'href="http', "url(http", "@import"):
        assert outside not in text


def test_the_page_begins_with_the_verdict_and_says_why_training_ended(made, tmp_path):
    run, _, retrieval = made
    outcome = read_outcome(run.folder)
    write_outcome(run.folder, replace(outcome, stopped=CollapseStop(4, 2, ("warning: too large",))))
    report_run(tmp_path / "r.html", run, None, retrieval, {"after": retrieval.score()}, "t")
    text = tmp_path.joinpath("r.html").read_text(encoding="utf-8")
    assert "Without labels" in text
    assert "a crop is found by another view of itself" in text
    assert "warning: too large" in text
    assert "the result is the weights of round 2" in text
    (run.folder / OUTCOME).unlink()
    report_run(tmp_path / "r.html", run, None, retrieval, {"after": retrieval.score()}, "t")
    assert "Without labels" not in tmp_path.joinpath("r.html").read_text(encoding="utf-8")


def test_without_the_training_crops_there_are_no_sheets(made, tmp_path):
    run, _, retrieval = made
    report_run(tmp_path / "r.html", run, None, retrieval, {"after": retrieval.score()}, "t")
    assert "cluster 0" not in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_sheets_hold_members_of_one_cluster_each_and_none_twice(made):
    run, crops, _ = made
    sheets = module._sheets(run, crops)
    titles = [sheet.title for sheet in sheets]
    assert len(titles) == len(set(titles))
    assert all(0 < len(sheet.images) <= module._SHEET_IMAGES for sheet in sheets)


def test_a_place_that_cannot_be_written(made, tmp_path):
    run, _, retrieval = made
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        report_run(tmp_path / "file" / "r.html", run, None, retrieval, {"a": retrieval.score()}, "t")


def test_lists_open_with_an_easy_a_typical_and_a_hard_query(made, tmp_path):
    run, _, retrieval = made
    precision = score(retrieval.refined).per_query_average_precision
    lists = module._ranked(retrieval)
    assert [one.heading for one in lists[:3]] == ["Easy query", "Typical query", "Hard query"]
    assert [one.heading for one in lists[3:]] == ["More queries", *[""] * (len(lists) - 4)]
    for one, value in zip(lists[:3], (np.nanmax, lower_median, np.nanmin), strict=True):
        assert one.title.startswith(f"average precision {value(precision):.0%}")
    report_run(tmp_path / "r.html", run, None, retrieval, {"after": retrieval.score()}, "t")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert text.index("Easy query</h3>") < text.index("Typical query</h3>") < text.index("Hard query</h3>")
    assert "the highest, the median and the lowest average precision" in text


def lower_median(values):
    known = np.sort(values[~np.isnan(values)])
    return known[(len(known) - 1) // 2]


@given(
    st.lists(st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1), st.just(float("nan"))), max_size=40)
)
def test_levels_are_the_highest_the_median_and_the_lowest(values):
    precision = np.array(values, dtype=np.float64)
    known = np.sort(precision[~np.isnan(precision)])
    levels = module.query_levels(precision)
    assert not np.isnan(precision[list(levels)]).any()
    rows = {level: row for row, level in levels.items() if level}
    expected = {0: set(), 1: set(), 2: {"Easy", "Hard"}}.get(len(known), {"Easy", "Typical", "Hard"})
    assert set(rows) == expected
    assert list(levels.values())[: len(expected)] == sorted(expected, key=["Easy", "Typical", "Hard"].index)
    if expected:
        assert precision[rows["Easy"]] == known[-1]
        assert precision[rows["Hard"]] == known[0]
    if "Typical" in rows:
        assert precision[rows["Typical"]] == lower_median(precision)
    further = [precision[row] for row, level in levels.items() if not level]
    assert further == sorted(further, reverse=True)
    assert len(levels) <= module._LISTS + 1

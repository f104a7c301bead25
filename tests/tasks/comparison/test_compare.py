"""Two runs compared: query by query with labels, by signals without, and against the starting weights."""

import json
import shutil

import numpy as np
import pytest

import reseen
from reseen.cli import main
from reseen.errors import RunError, SettingsError
from reseen.runs.checkpoint import START


@pytest.fixture(scope="module")
def runs(crowd, tmp_path_factory):
    """Folders of a tiny run, and of one that learned otherwise; not to be changed."""
    made = tmp_path_factory.mktemp("compared")
    flags = [
        "--model.backbone", "test_efficientnet", "--model.weights", "none", "--model.norm-group", "8",
        "--data.height", "64", "--data.width", "32", "--method.sampler.clusters-per-batch", "4",
        "--method.sampler.images-per-cluster", "4", "--method.clustering.jaccard.k1", "8",
        "--method.clustering.jaccard.k2", "3",
        "--method.clustering.eps", "auto", "--train.rounds", "2", "--train.iterations", "3", "--train.device", "cpu",
    ]  # fmt: skip
    for name, more in (("one", ()), ("other", ("--train.learning-rate", "0.01"))):
        reseen.train(reseen.load_recipe("cluster-contrast", [*flags, *more]), crowd, made / name, quiet=True)
    return made / "one", made / "other"


def test_with_labels_the_scores_are_those_of_each_and_the_difference_is_paired(runs, crowd):
    found = reseen.compare(*runs, crowd, quiet=True)
    scores = [reseen.score(run, crowd, quiet=True) for run in runs]
    assert [score.mean_average_precision for score in found.scores] == pytest.approx(
        [score.mean_average_precision for score in scores]
    )
    change = scores[1].per_query_average_precision - scores[0].per_query_average_precision
    assert found.paired.mean_average_precision == pytest.approx(np.nanmean(change))
    assert found.outcome == found.paired.outcome
    assert found.verdict is None
    assert (found.first, found.second) == ("one", "other")


def test_a_run_is_compared_with_the_weights_it_started_with(runs, crowd):
    there = reseen.compare("untrained", runs[0], crowd, quiet=True)
    back = reseen.compare(runs[0], "untrained", crowd, quiet=True)
    start = reseen.score(runs[0], crowd, untrained=True, quiet=True)
    assert there.scores[0].mean_average_precision == pytest.approx(start.mean_average_precision)
    assert (there.first, back.second) == ("untrained", "untrained")
    assert there.paired.mean_average_precision == pytest.approx(-back.paired.mean_average_precision)


def test_a_table_is_compared_without_labels(runs, crowd):
    table = reseen.read_training(crowd)
    found = reseen.compare(runs[0], runs[0], table, quiet=True)
    assert found.scores is None
    assert found.outcome == found.verdict.outcome == "no different"
    start = reseen.compare("untrained", runs[0], table, quiet=True)
    assert start.verdict.signals
    assert start.verdict.crops == len(table)


def test_what_cannot_be_compared_says_so(runs, crowd, tmp_path):
    with pytest.raises(SettingsError, match="both sides are untrained"):
        reseen.compare("untrained", "untrained", crowd, quiet=True)
    shutil.copytree(runs[0], tmp_path / "early")
    (tmp_path / "early" / START).unlink()
    with pytest.raises(RunError, match="early versions did not save"):
        reseen.compare("untrained", tmp_path / "early", crowd, quiet=True)


def test_the_command_prints_and_writes_the_comparison(runs, crowd, tmp_path, capsys):
    file = tmp_path / "comparison.json"
    given = [
        str(part) for part in ("compare", "untrained", runs[0], "--data", crowd, "--quiet", "--json", file)
    ]
    assert main(given) == 0
    printed = " ".join(capsys.readouterr().out.split())
    written = json.loads(file.read_text())
    assert written["outcome"] in ("better", "no different", "worse")
    assert f"one is {written['outcome']}" in printed
    assert "95 % interval" in printed
    assert written["without_labels"] is None


def test_without_labels_the_command_says_why_and_what_it_saw(runs, crowd, tmp_path, capsys):
    plain = tmp_path / "plain"
    plain.mkdir()
    table = reseen.read_training(crowd)
    for place, path in enumerate(table.paths):
        shutil.copy(crowd / path, plain / f"{place:05d}.jpg")
    assert main(["compare", "untrained", str(runs[0]), "--data", str(plain), "--quiet"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Compared without labels: " in printed
    assert "Evidence: a crop is found by another view of itself" in printed


def test_evaluate_says_how_a_run_compares_with_a_baseline(runs, crowd, tmp_path, capsys):
    file = tmp_path / "score.json"
    given = ["evaluate", runs[0], "--data", crowd, "--baseline", "untrained", "--json", file, "--quiet"]
    assert main([str(part) for part in given]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    baseline = json.loads(file.read_text())["baseline"]
    start = reseen.score(runs[0], crowd, untrained=True, quiet=True)
    assert baseline["name"] == "untrained"
    assert baseline["score"]["mAP"] == pytest.approx(start.mean_average_precision)
    assert "over people" in printed

"""One orchestration: what `reseen evaluate` writes is what `reseen.evaluate_run` returns."""

import json

import pytest

import reseen
from reseen.cli import main
from reseen.errors import SettingsError
from reseen.tasks.evaluation.evaluate import EvaluationSettings


@pytest.fixture
def run(untrained_run):
    return untrained_run


def test_the_command_writes_what_the_function_returns(run, crowd, tmp_path):
    out = tmp_path / "score.json"
    flags = [
        "--flip", "--rerank", "faiss", "--expand-queries", "2", "--occlude", "0.3", "--half", "upper",
        "--seed", "5", "--baseline", "untrained", "--no-details", "--protocol", "cuhk03-classic", "--quiet",
    ]  # fmt: skip
    assert main(["evaluate", str(run.folder), "--data", str(crowd), "--json", str(out), *flags]) == 0
    settings = EvaluationSettings(
        mirrored=True,
        rerank={"variant": "faiss"},
        expand_queries=2,
        occlude=0.3,
        half="upper",
        seed=5,
        baseline="untrained",
        details=False,
        protocol="cuhk03-classic",
    )
    evaluation = reseen.evaluate_run(run, crowd, settings, quiet=True)
    assert json.loads(out.read_text()) == json.loads(json.dumps(evaluation.to_json()))
    assert set(evaluation.occluded) == {"30% covered", "upper half only"}
    assert evaluation.baseline is not None
    assert evaluation.baseline.paired.mean_average_precision == 0  # 0 rounds: it is the untrained encoder


def test_defaults_score_as_score_does(run, crowd):
    evaluation = reseen.evaluate_run(run.folder, crowd, quiet=True)
    plain = reseen.score(run, crowd, quiet=True)
    assert evaluation.score.mean_average_precision == plain.mean_average_precision
    assert evaluation.score.details is not None
    assert evaluation.centered is not None
    centered = reseen.score(run, crowd, center_cameras=True, quiet=True)
    assert evaluation.centered.mean_average_precision == centered.mean_average_precision
    assert evaluation.why_not_centered == ""
    switched_off = reseen.evaluate_run(run, crowd, EvaluationSettings(center_cameras=False), quiet=True)
    assert switched_off.centered is None
    assert switched_off.why_not_centered == "not asked for"


def test_the_report_shows_both_sides(run, crowd, tmp_path):
    evaluation = reseen.evaluate_run(run, crowd, EvaluationSettings(baseline="untrained"), quiet=True)
    evaluation.write_report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "untrained" in page
    assert "Run run" in page


@pytest.mark.parametrize("rerank", ["zhang", {"k1": 0}, {"variant": "zhong", "k3": 1}])
def test_wrong_settings_of_reranking_are_said(run, crowd, rerank):
    with pytest.raises(SettingsError, match="rerank: "):
        reseen.evaluate_run(run, crowd, EvaluationSettings(rerank=rerank), quiet=True)

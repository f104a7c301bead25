import shutil

import pytest

from reseen.audit import Answer, write_answers


@pytest.fixture
def run(trained, tmp_path):
    """A run that a test may write into."""
    return shutil.copytree(trained, tmp_path / "run")


def test_an_audit_prints_score_threshold_and_trust(reseen_says, run, crowd, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    page = tmp_path / "pairs.html"
    code, out, err = reseen_says(
        "audit", run, "--data", crowd, "--quiet", "--verify", page, "--questions", "40"
    )
    assert code == 0, err
    assert err == ""
    for row in ("audit score", "stability", "compactness", "camera mixing", "clusters", "spread of sizes"):
        assert row in out
    assert "No threshold and no probabilities" in out
    assert f"Written to {run / 'audit.json'}" in out
    assert f"Open {page} in a browser" in out
    text = page.read_text(encoding="utf-8")
    assert "Do both crops show the same person?" in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text


def test_faults_are_one_line_that_says_what_to_do(fault, run, crowd, tmp_path):
    def audit(*more, data=crowd):
        return fault("audit", run, "--quiet", "--data", data, *more)

    assert "no such run folder" in fault("audit", tmp_path / "none", "--data", crowd)
    assert "no such folder" in audit(data=tmp_path / "nowhere")
    assert "views must be at least 1" in audit("--views", "0")
    assert "no such file of answers" in audit("--answers", tmp_path / "a.csv")
    write_answers(tmp_path / "a.csv", [Answer("s", "x", "same", ("p.jpg", "q.jpg"))])
    assert "belongs to a sheet of" in audit("--answers", tmp_path / "a.csv")


def test_training_with_a_missing_file_of_answers_says_so(fault, train_flags, crowd, tmp_path):
    flags = train_flags(crowd, tmp_path / "new", "--data.constraints", str(tmp_path / "none.csv"))
    assert "save it from the page of `reseen audit --verify`" in fault(*flags)

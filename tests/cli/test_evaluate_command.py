"""`reseen evaluate`: features from files, protocols, re-ranking, domains."""

import json

import numpy as np
import pytest

import reseen


@pytest.fixture
def files(tmp_path):
    generator = np.random.default_rng(0)
    centers = generator.normal(size=(8, 16))
    paths = []
    for name, count in (("query", 20), ("gallery", 90)):
        people = np.arange(count) % 8
        paths.append(tmp_path / f"{name}.npz")
        np.savez(
            paths[-1],
            features=(centers[people] + generator.normal(size=(count, 16))).astype(np.float32),
            identities=people + 1,
            cameras=generator.integers(0, 3, count),
        )
    return paths


def test_features_get_every_score_there_is(reseen_says, files, tmp_path):
    out_file = tmp_path / "score.json"
    code, out, err = reseen_says("evaluate", "--features", *files, "--json", out_file, "--quiet")
    assert code == 0, err
    for words in (
        "mAP",
        "mINP",
        "protocol market",
        "95% intervals",
        "rate of false positives",
        "from camera (row)",
    ):
        assert words in out
    record = json.loads(out_file.read_text())
    expected = reseen.score_features(*files, quiet=True).to_json()
    assert {key: record[key] for key in expected} == expected
    assert len(record["camera_pairs"]["mAP"]) == 3


def test_options_reach_the_score_and_are_stated(reseen_says, files, tmp_path):
    out_file = tmp_path / "score.json"
    flags = [
        "--rerank", "faiss", "--expand-queries", "2", "--expansion-power", "3", "--average-precision", "trapezoid",
        "--queries-in-gallery", "--no-details", "--json", out_file, "--quiet",
    ]  # fmt: skip
    code, out, err = reseen_says("evaluate", "--features", *files, *flags)
    assert code == 0, err
    assert "re-ranked: faiss, k1 20, k2 6, lambda 0.3" in " ".join(out.split())
    assert "intervals" not in out
    record = json.loads(out_file.read_text())
    assert record["gallery"] == 110
    assert record["rules"]["query_expansion"].startswith("first 2 answers")
    assert record["rules"]["average_precision"] == "trapezoid"


@pytest.mark.parametrize("protocol", ["cuhk03-classic", "cuhk03-new", "vehicleid"])
def test_protocols_are_run_by_name(reseen_says, files, protocol):
    code, out, err = reseen_says("evaluate", "--features", *files, "--protocol", protocol, "--quiet")
    assert code == 0, err
    assert f"protocol {protocol}" in out
    assert "from camera" not in out


def test_contradictions_are_said(fault, files, trained, crowd):
    assert "leave out a run, --data" in fault("evaluate", trained, "--data", crowd, "--features", *files)
    assert "leave out --flip" in fault("evaluate", "--features", *files, "--flip")
    assert "give a run folder and --data DIR, or --features" in fault("evaluate", trained)
    assert "--raw is for --features" in fault("evaluate", trained, "--data", crowd, "--raw")
    assert "GB are allowed" in fault(
        "evaluate", "--features", *files, "--rerank", "zhong", "--rerank-memory", "1e-6", "--quiet"
    )
    assert "memory" in fault("evaluate", "--features", *files, "--rerank", "zhong", "--rerank-memory", "-1")
    assert "no such file" in fault("evaluate", "--features", files[0], "nothing.npz")


def test_a_run_says_its_domain_and_what_was_done(reseen_says, trained, crowd, tmp_path):
    other = tmp_path / "other"
    reseen.draw_crowd(other, people=10, cameras=2, height=64, width=32, seed=5, processes=1, progress=False)
    domains = {}
    for data in (crowd, other):
        out_file = tmp_path / "score.json"
        flags = ("--flip", "--rerank", "zhong", "--json", out_file, "--quiet")
        code, out, err = reseen_says("evaluate", trained, "--data", data, *flags)
        assert code == 0, err
        record = json.loads(out_file.read_text())
        domains[data.name] = record["rules"]["domain"]
        assert ("cross-domain" in out) == (data == other)
        assert "mirrored features" in out
        assert record["rules"]["mirrored_features"] is True
        assert record["training"]["method"] == "cluster-contrast"
        assert record["training"]["cameras"] == 3
    assert domains == {"crowd": "same", "other": "cross-domain"}
    assert reseen.score(trained, other, quiet=True).to_json()["rules"]["domain"] == "cross-domain"


def test_a_report_of_a_re_ranked_score_with_queries_in_the_gallery(reseen_says, trained, crowd, tmp_path):
    page = tmp_path / "page.html"
    flags = ("--rerank", "faiss", "--queries-in-gallery", "--report", page, "--quiet")
    code, _, err = reseen_says("evaluate", trained, "--data", crowd, *flags)
    assert code == 0, err
    assert "Ranked lists" in page.read_text()

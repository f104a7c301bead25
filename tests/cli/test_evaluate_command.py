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
        "false positive rate",
        "query camera (row)",
    ):
        assert words in out
    record = json.loads(out_file.read_text())
    expected = reseen.score_features(*files, quiet=True).to_json()
    assert {key: record[key] for key in expected} == expected
    assert len(record["camera_pairs"]["mAP"]) == 3


def test_people_from_zero_and_unknown_cameras_are_said_with_the_score(reseen_says, files, tmp_path):
    for file in files:
        arrays = dict(np.load(file))
        np.savez(file, features=arrays["features"], identities=arrays["identities"] - 1)
    out_file = tmp_path / "score.json"
    code, out, err = reseen_says(
        "evaluate", "--features", *files, "--json", out_file, "--quiet", "--no-details"
    )
    assert code == 0, err
    said = " ".join(out.split())
    assert (
        "warning: 3 of 20 queries have the identity 0, which counts as a person here; set --distractors"
        in said
    )
    assert "warning: cameras are unknown: matches under the query's own camera count as right answers" in said
    record = json.loads(out_file.read_text())
    assert len(record["notes"]) == 2
    assert record["valid_queries"] == 20
    flags = ("--distractors", "zero", "--json", out_file, "--quiet", "--no-details")
    code, out, err = reseen_says("evaluate", "--features", *files, *flags)
    assert json.loads(out_file.read_text())["valid_queries"] == 17
    assert "not scored; --distractors none" in " ".join(out.split())


def sorted_folders(crowd, root, shape):
    """The drawn crowd in folders train, query and gallery, by person and camera."""
    for source, split in {
        "bounding_box_train": "train",
        "query": "query",
        "bounding_box_test": "gallery",
    }.items():
        for path in (crowd / source).iterdir():
            person, camera = path.name.split("_")[0], path.name.split("_")[1][1]
            below = root / shape.format(split=split, person=person, camera=camera, name=path.name)
            below.parent.mkdir(parents=True, exist_ok=True)
            below.hardlink_to(path)
    return root


def test_a_benchmark_in_folders_of_people_has_the_score_of_the_benchmark(
    reseen_says, trained, crowd, tmp_path
):
    records, scores = [], []
    folders = [
        sorted_folders(crowd, tmp_path / "people", "{split}/{person}/{name}"),
        sorted_folders(crowd, tmp_path / "cameras", "{split}/cam{camera}/{person}/{name}"),
    ]
    for data in (crowd, *folders):
        out_file = tmp_path / "score.json"
        flags = ("--json", out_file, "--quiet", "--no-details")
        code, out, err = reseen_says("evaluate", trained, "--data", data, *flags)
        assert code == 0, err
        assert "unknown" not in out
        record = json.loads(out_file.read_text())
        records.append([record[name] for name in ("valid_queries", "gallery", "notes")])
        scores.append(record["mAP"])
    assert records[0] == records[1] == records[2]
    assert scores == pytest.approx(scores[:1] * 3, abs=0.02), "other batches round otherwise"


def test_patterns_reach_the_score_and_unknown_cameras_its_page(reseen_says, fault, trained, crowd, tmp_path):
    root = sorted_folders(crowd, tmp_path / "odd", "{split}/cam{camera}/{person}/x{name}")
    line = fault("evaluate", trained, "--data", root, "--quiet")
    assert "--identity-pattern '{*}/{identity}/{*}' --camera-pattern '{camera}/{*}'" in line
    identity = ("--identity-pattern", "{*}/{identity}/{*}")
    for camera, words in (("{camera}/{*}", False), ("", True)):
        page = tmp_path / "page.html"
        flags = (*identity, "--camera-pattern", camera, "--report", page, "--quiet", "--no-details")
        code, out, err = reseen_says("evaluate", trained, "--data", root, *flags)
        assert code == 0, err
        assert ("warning: cameras are unknown" in out) == words
        assert ("Warning: cameras are unknown" in page.read_text()) == words
    score = reseen.score(trained, root, camera_pattern="", identity_pattern="{*}/{identity}/{*}", quiet=True)
    assert score.notes[0].startswith("cameras are unknown")


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
    assert "--raw needs --features" in fault("evaluate", trained, "--data", crowd, "--raw")
    assert "the limit is" in fault(
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

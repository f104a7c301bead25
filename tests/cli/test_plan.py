"""`reseen plan` as a person meets it."""

import json

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("no_starts")


def test_a_table_says_time_memory_and_disk(reseen_says, tiny_flags, tmp_path):
    file = tmp_path / "plan.json"
    code, out, _ = reseen_says(
        "plan", "train", "cluster-contrast", "--images", 300, "--quiet", "--out", file, *tiny_flags
    )
    assert code == 0
    assert "train 300 crops on this machine" in out
    assert all(word in out for word in ("time", "memory", "disk", "clustering", "total"))
    assert json.loads(file.read_text())["images"] == 300


def test_a_run_can_be_planned_with(reseen_says, trained, crowd):
    for work in ("embed", "index", "cluster"):
        code, out, err = reseen_says("plan", work, trained, "--data", crowd, "--quiet")
        assert code == 0, err
        assert f"{work} " in out


def test_what_cannot_be_planned_is_said(fault, trained):
    assert "--images" in fault("plan", "embed", trained)
    assert "needs a recipe" in fault("plan", "train", trained, "--images", 100)
    assert "--images must be at least 1" in fault("plan", "embed", trained, "--images", 0)
    assert "settings of a run are fixed" in fault(
        "plan", "embed", trained, "--images", 100, "--model.backbone", "x"
    )
    assert "did you mean" in fault("plan", "embed", trained, "--imges", 100)


def test_a_file_of_vectors_says_how_many_there_are(reseen_says, fault, trained, crowd, tmp_path):
    file = tmp_path / "vectors.parquet"
    reseen_says("embed", trained, "--data", crowd, "--out", file, "--quiet")
    code, out, _ = reseen_says("plan", "cluster", file, "--quiet", "--clustering.stop", "steps")
    assert code == 0
    assert "cluster 72 vectors" in out
    code, out, _ = reseen_says(
        "plan", "cluster", file, "--data", crowd, "--quiet", "--clustering.stop", "steps"
    )
    assert code == 0
    assert "cluster 72 crops" in out
    assert "pages" in out
    np.save(tmp_path / "rows.npy", np.eye(4, dtype=np.float32))
    assert "leave out --data" in fault("plan", "cluster", tmp_path / "rows.npy", "--data", crowd)
    (tmp_path / "other.parquet").write_bytes(b"no such thing")
    assert "neither .npy nor a Parquet file" in fault("plan", "cluster", tmp_path / "other.parquet")

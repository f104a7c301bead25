"""Values of other types in files of a run and beside it, by the commands that read them."""

import json
import shutil

import pytest


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("height", 10**9), ("height", -1), ("height", "64"), ("encoder", "x"), ("hardware", []),
        ("versions", {"a": 1}), ("unreadable", [1]), ("command", None), ("cameras", True), ("root", "a\0b"),
        ("images", "9"),
    ],
)  # fmt: skip
def test_facts_of_other_types_are_one_line(fault, desk, tmp_path, name, value):
    run = shutil.copytree(desk.run, tmp_path / "run")
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(facts | {name: value}))
    said = fault("embed", run, "--quiet", "--data", desk.crowd, "--out", tmp_path / "v.parquet")
    assert f"run.json: damaged ({name}" in said


@pytest.mark.parametrize(
    "text",
    ["[" * 200_000, "a: " + "[" * 2_000, "seed: " + "1:" * 3_000 + "1", "method: {name: [1]}", 'seed: "\\ud800"',
     "seed: 0x" + "f" * 4_000],
)  # fmt: skip
def test_recipes_that_take_a_reader_minutes_are_one_line(fault, desk, tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text)
    fault("train", tmp_path / "mine.yaml", "--data", desk.crowd, "--out", tmp_path / "run")

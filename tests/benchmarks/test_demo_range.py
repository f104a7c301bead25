"""The range of the demo: what is there is not made again, and the table says what the file holds."""

import argparse
import json

import pytest

from benchmarks import demo_range


@pytest.fixture
def asked(tmp_path):
    return argparse.Namespace(
        seeds=[0, 1], processors=["native", "sse41"], threads=1, at_once=2, out=tmp_path / "range.json"
    )


@pytest.fixture
def made(monkeypatch):
    """Runs that were made; the demo itself is not given."""
    runs = []

    def started(seed, processor, threads):
        runs.append((seed, processor))
        score = {"mAP": 50.0 + seed, "Rank-1": 70.0, "Rank-10": 90.0 - (processor == "sse41")}
        return {"before": {"mAP": 6.0}, "after": score}

    monkeypatch.setattr(demo_range, "started", started)
    return runs


def test_what_is_there_is_not_made_again(asked, made):
    demo_range.make_missing(demo_range.read(asked.out), asked)
    assert sorted(made) == [(0, "native"), (0, "sse41"), (1, "native"), (1, "sse41")]
    asked.seeds = [0, 1, 2]
    demo_range.make_missing(demo_range.read(asked.out), asked)
    assert sorted(made[4:]) == [(2, "native"), (2, "sse41")]
    kept = json.loads(asked.out.read_text())["runs"]
    assert len(kept) == 6
    assert all(run["commit"] and run["seconds"] >= 0 for run in kept.values())


def test_the_table_gives_mean_and_range_of_all_and_of_each_kind(asked, made):
    demo_range.make_missing(demo_range.read(asked.out), asked)
    lines = demo_range.table(demo_range.read(asked.out)["runs"]).splitlines()
    assert (
        "| all runs | 4 | 6.0 (6.0 to 6.0) | 50.5 (50.0 to 51.0) | 70.0 (70.0 to 70.0) | 89.5 (89.0 to 90.0) |"
        in lines
    )
    assert (
        "| processor sse41 | 2 | 6.0 (6.0 to 6.0) | 50.5 (50.0 to 51.0) | 70.0 (70.0 to 70.0) | 89.0 (89.0 to 89.0) |"
        in lines
    )
    assert len(lines) == 2 + 1 + 2 + 2


def test_a_processor_is_emulated_before_anything_is_loaded(monkeypatch):
    given = {}

    class Done:
        stdout = 'drawing\n{"after": {}}\n'

    monkeypatch.setattr(demo_range.subprocess, "run", lambda command, env, **_: given.update(env) or Done)
    assert demo_range.started(3, "sse41", 2) == {"after": {}}
    assert (given["ATEN_CPU_CAPABILITY"], given["ONEDNN_MAX_CPU_ISA"]) == ("default", "SSE41")
    assert given["OMP_NUM_THREADS"] == given["MKL_NUM_THREADS"] == "2"

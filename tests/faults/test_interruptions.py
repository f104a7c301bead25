"""Work that is killed or finds the disk full, and goes on to the same bits; the long form is `benchmarks/faults.py`."""

import pytest
from benchmarks.faulting.apart import Apart, Ended
from benchmarks.faulting.counts import Counts
from benchmarks.faulting.interruptions import Interruptions, small_disk
from benchmarks.faulting.works import PART, WORKS, broken_files, rounds_said


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    """A process that forks others."""
    with Apart(tmp_path_factory.mktemp("apart") / "log", PART) as server:
        yield server


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A small disk, or any folder where mounting one is not permitted, and which of both."""
    with small_disk(900) as place:
        yield (tmp_path_factory.mktemp("place"), False) if place is None else (place, True)


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_work_goes_on_after_a_kill_and_after_a_full_disk(work, desk, apart, disk):
    place, own = disk
    interruptions, counts = Interruptions(work, desk, place, apart, own), Counts()
    assert interruptions.clean.writes > 10
    interruptions.kill(0, counts)  # at a write
    if work.name in ("training", "indexing", "forgetting"):
        interruptions.kill(1, counts)  # at a time
    interruptions.fill(interruptions.clean.writes // 2, counts)
    assert counts.details == []
    assert counts.survived == counts.injected >= 2


def test_where_no_disk_can_be_filled_files_are_refused(desk, apart, tmp_path):
    work = next(work for work in WORKS if work.name == "extraction")
    interruptions, counts = Interruptions(work, desk, tmp_path, apart, own_disk=False), Counts()
    interruptions.fill(interruptions.clean.writes // 2, counts)
    assert (counts.survived, counts.details) == (1, [])


def test_what_was_not_survived_is_noticed(tmp_path):
    """The instruments can find what they look for."""
    for name, content in (
        ("a.parquet", b"PAR1"), ("b.json", b"{"), ("c.jsonl", b"{\n{}\n"), ("d.html", b"<html>"), ("e.csv", b"a,b\n1"),
        ("cameras.safetensors", b"cut"),
        ("checkpoint.safetensors", b"cut"), ("recipe.yaml", b"["), ("f.jsonl", b'{}\n{"cut'), (".g.json.1.part", b"{"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(content)
    found = [line.partition(":")[0] for line in broken_files(tmp_path)]
    assert found == [
        "a.parquet",
        "b.json",
        "c.jsonl",
        "cameras.safetensors",
        "checkpoint.safetensors",
        "d.html",
        "e.csv",
        "recipe.yaml",
    ]
    assert rounds_said("begins\nround 1: loss 1\nround 2: a note\nround 2: loss 0\n") == 2
    assert Ended(2, "begins\nreseen: crops: the disk is full; free some space\n", 0, 0).explained
    for code, output in (
        (1, "reseen: crops: the disk is full; free some"),
        (2, ""),
        (2, "Traceback\nreseen: " + "x" * 30),
    ):
        assert not Ended(code, output, 0, 0).explained
    counts = Counts()
    counts.add(hangs=0)
    counts.add(hangs=1)
    assert (counts.injected, counts.survived, counts.hangs) == (2, 1, 1)
    assert Counts.from_json(counts.to_json()) == counts

"""The GPU benchmark, tried on the CPU with a tiny network."""

import argparse
import json
import tarfile
import time

import pytest
from benchmarks.protocols import PROTOCOLS

from benchmarks import gpu


@pytest.fixture
def arguments(tmp_path, crowd):
    gpu.pack(crowd, tmp_path / "parts", most_bytes=100_000)
    return argparse.Namespace(
        parts=tmp_path / "parts", weights="none", minutes=9.0, arms=gpu.ARMS, device="cpu", work=tmp_path / "work",
        result=tmp_path / "gpu.json", repeat=1, quick=True,
    )  # fmt: skip


def test_parts_hold_every_crop_once_and_are_small_enough(arguments, crowd, tmp_path):
    parts = sorted(arguments.parts.iterdir())
    assert len(parts) > 1
    assert all(part.stat().st_size <= 100_000 for part in parts)
    data = gpu.unpack(arguments.parts, tmp_path / "data")
    files = sorted(file.relative_to(crowd) for split in gpu.SPLITS for file in (crowd / split).glob("*.jpg"))
    assert files == sorted(file.relative_to(data) for file in data.rglob("*.jpg"))
    assert all((data / file).read_bytes() == (crowd / file).read_bytes() for file in files)


def test_parts_may_arrive_one_by_one(arguments, tmp_path):
    later = sorted(arguments.parts.iterdir())[-1]
    with tarfile.open(later) as archive:
        names = archive.getnames()
    later.rename(tmp_path / later.name)
    data = gpu.unpack(arguments.parts, tmp_path / "data")
    assert not (data / names[0]).exists()
    (tmp_path / later.name).rename(later)
    gpu.unpack(arguments.parts, data)
    assert all((data / name).is_file() for name in names)


def test_timings_that_are_there_are_not_made_again(arguments, monkeypatch):
    gpu.measure(arguments, time.monotonic() + 1e6)
    record = json.loads(arguments.result.read_text())
    assert set(record["rows"]) == set(gpu.CASES)
    assert all(row["seconds"] > 0 and row["limit"] for rows in record["rows"].values() for row in rows)
    for name in gpu.CASES:
        monkeypatch.setitem(gpu.CASES, name, lambda _arguments: pytest.fail("made again"))
    gpu.measure(arguments, time.monotonic() + 1e6)


def test_nothing_is_timed_or_trained_when_time_is_over(arguments, monkeypatch, tmp_path):
    monkeypatch.setattr(gpu.subprocess, "Popen", lambda _command: pytest.fail("started"))
    gpu.measure(arguments, time.monotonic())
    gpu.train_arms(arguments, gpu.unpack(arguments.parts, tmp_path / "data"), time.monotonic())
    assert not arguments.result.exists()


def test_every_arm_is_one_of_the_protocol(arguments, tmp_path):
    commands = list(gpu.arm_commands(arguments, tmp_path))
    assert len(commands) == 4
    for command in commands:
        PROTOCOLS["market"].arm(command[command.index("--arms") + 1])


def test_no_crops_are_said(tmp_path):
    with pytest.raises(SystemExit, match="no crops"):
        gpu.pack(tmp_path, tmp_path / "parts")

"""Extrapolation of a stage from its measurements."""

import time

import pytest

from reseen.plan import Estimate, PlanStage
from reseen.plan.cost_model import StageMeasurement


def made(seconds, memory):
    measured = StageMeasurement("stage")
    for images, took, peak in zip([1000, 2000], seconds, memory, strict=True):
        measured.add(images, took, peak)
    return measured


def test_time_grows_as_it_did_and_is_multiplied():
    assert made([1.0, 2.0], [1e6, 1e6]).extrapolate(10_000, 3).seconds == pytest.approx(30)


def test_memory_grows_at_least_by_the_rows():
    assert made([1.0, 2.0], [1e6, 1e6]).extrapolate(3000, row_bytes=1000).memory == pytest.approx(2e6)
    assert made([1.0, 2.0], [1e6, 2e6]).extrapolate(4000, row_bytes=10).memory == pytest.approx(4e6)


def test_only_what_a_stage_adds_grows():
    measured = StageMeasurement("stage")
    measured.add(1000, 1.0, 5_001_000, 5_000_000)
    measured.add(2000, 2.0, 5_102_000, 5_100_000)
    assert measured.extrapolate(10_000).memory == pytest.approx(5_110_000)


def test_the_first_time_takes_longer_once():
    measured = StageMeasurement("stage")
    measured.add(1000, 5.0, 9)
    measured.add(1000, 1.0, 7)
    measured.add(2000, 2.0, 8)
    assert measured.sizes == [1000, 2000]
    assert measured.memory == [7.0, 8.0]
    assert measured.extrapolate(10_000, 3).seconds == pytest.approx(34)


def test_memory_that_is_known_to_grow_with_the_square():
    measured = StageMeasurement("stage")
    for images in (1000, 2000, 4000):
        measured.add(images, 1.0, 5_000_000, 5_000_000)
        measured.quadratic_memory.append(8.0 * images**2)
    assert measured.extrapolate(100_000).memory == pytest.approx(5e6 + 8e10)


def test_a_block_is_timed():
    measured = StageMeasurement("stage")
    began = time.perf_counter()
    with measured.measure(10, 2):
        time.sleep(0.1)
    assert 0.05 <= measured.seconds[0] <= (time.perf_counter() - began) / 2
    assert measured.memory[0] > 0


def test_an_estimate_adds_time_and_disk_but_not_memory():
    found = Estimate("embed", 10, (PlanStage("a", 1.0, 5.0, 7.0), PlanStage("b", 2.0, 9.0, 1.0)))
    assert (found.seconds, found.memory, found.disk) == (3.0, 9.0, 8.0)
    assert found.to_json()["stages"][1] == {"name": "b", "seconds": 2.0, "memory": 9.0, "disk": 1.0}

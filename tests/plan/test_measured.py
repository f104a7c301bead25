"""A stage is told from what was measured of it."""

import time

import pytest

from reseen.plan import Estimate, Stage
from reseen.plan.measured import Measured


def made(seconds, memory):
    measured = Measured("stage")
    measured.sizes, measured.seconds, measured.memory = [1000, 2000], seconds, memory
    return measured


def test_time_grows_as_it_did_and_is_multiplied():
    assert made([1.0, 2.0], [1e6, 1e6]).stage(10_000, 3).seconds == pytest.approx(30)


def test_memory_grows_at_least_by_the_rows():
    assert made([1.0, 2.0], [1e6, 1e6]).stage(3000, row_bytes=1000).memory == pytest.approx(2e6)
    assert made([1.0, 2.0], [1e6, 2e6]).stage(4000, row_bytes=10).memory == pytest.approx(4e6)


def test_a_block_is_timed():
    measured = Measured("stage")
    with measured.at(10, 2):
        time.sleep(0.1)
    assert 0.05 <= measured.seconds[0] < 0.2
    assert measured.memory[0] > 0


def test_an_estimate_adds_time_and_disk_but_not_memory():
    found = Estimate("embed", 10, (Stage("a", 1.0, 5.0, 7.0), Stage("b", 2.0, 9.0, 1.0)))
    assert (found.seconds, found.memory, found.disk) == (3.0, 9.0, 8.0)
    assert found.to_json()["stages"][1] == {"name": "b", "seconds": 2.0, "memory": 9.0, "disk": 1.0}

"""Measurement of the start-up time of a Python process."""

import subprocess
import time
from unittest.mock import Mock

import pytest

from reseen.plan import benchmark
from reseen.plan.benchmark import startup_stage


@pytest.fixture(autouse=True)
def nothing_is_known():
    startup_stage.cache_clear()
    yield
    startup_stage.cache_clear()


def test_another_python_is_started_and_timed(monkeypatch):
    run = Mock(wraps=subprocess.run)
    monkeypatch.setattr(benchmark.subprocess, "run", run)
    began = time.perf_counter()
    stage = startup_stage("json", "reseen.errors")
    assert stage.name == "start-up"
    assert 0 < stage.seconds <= time.perf_counter() - began
    assert startup_stage("json", "reseen.errors") is stage
    assert run.call_count == 1


def test_what_cannot_be_loaded_is_an_error():
    with pytest.raises(subprocess.CalledProcessError):
        startup_stage("reseen.no_such_thing")

"""What it takes until work begins, timed on a real start."""

import subprocess
import time
from unittest.mock import Mock

import pytest

from reseen.plan import benchmark as starting
from reseen.plan.benchmark import starting_stage


@pytest.fixture(autouse=True)
def nothing_is_known():
    starting_stage.cache_clear()
    yield
    starting_stage.cache_clear()


def test_another_python_is_started_and_timed(monkeypatch):
    run = Mock(wraps=subprocess.run)
    monkeypatch.setattr(starting.subprocess, "run", run)
    began = time.perf_counter()
    stage = starting_stage("json", "reseen.errors")
    assert stage.name == "starting"
    assert 0 < stage.seconds <= time.perf_counter() - began
    assert starting_stage("json", "reseen.errors") is stage
    assert run.call_count == 1


def test_what_cannot_be_loaded_is_an_error():
    with pytest.raises(subprocess.CalledProcessError):
        starting_stage("reseen.no_such_thing")

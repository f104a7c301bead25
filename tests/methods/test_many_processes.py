"""One result from 1, 2, 3 and 4 processes, for every method."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.methods.worlds import RECIPES

from reseen.engine.log import read_log
from reseen.methods import METHODS

PROJECT = Path(__file__).resolve().parents[2]
COMPARED = [(name, world) for name in METHODS for world in ("two", "four")] + [("whole-batch", "three")]


@pytest.fixture(scope="session")
def worlds(tmp_path_factory):
    """A folder for what four processes train; `trained` fills it once."""
    return tmp_path_factory.mktemp("worlds")


@pytest.fixture
def trained(worlds, recipe_of, crowd):
    """The folder of run folders, by world and recipe."""
    if not (worlds / RECIPES).exists():
        plan = {name: _steady(recipe_of(name)) for name in METHODS}
        plan["whole-batch"] = _steady(recipe_of("cluster-contrast"))
        # One group over three processes that have 5, 5 and 6 of its 16 images, and branches dropped by chance.
        plan["whole-batch"]["model"] |= {"norm_group": None, "drop_path": 0.2}
        (worlds / RECIPES).write_text(json.dumps(plan))
        path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
        command = [sys.executable, "-m", "tests.methods.worlds", str(worlds), str(crowd)]
        processes = [
            subprocess.Popen([*command, str(rank)], cwd=PROJECT, env=environment) for rank in range(4)
        ]
        try:
            assert [process.wait(280) for process in processes] == [0, 0, 0, 0]
        finally:
            for process in processes:
                process.kill()
    return worlds


def _steady(recipe):
    """A network and an optimizer that do not blow rounding up: Adam turns the sign of a gradient of 0 into a step."""
    values = recipe.model_dump(mode="json")
    values["model"]["backbone"] = "test_byobnet"
    values["train"] |= {"optimizer": "sgd", "learning_rate": 0.01}
    return values


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "world"), COMPARED)
def test_one_result(name, world, trained):
    one, many = trained / "one" / name, trained / world / name
    alone, together = np.load(one / "rank0.npz"), np.load(many / "rank0.npz")
    labels = [key for key in alone if key.startswith("labels")]
    assert labels == ["labels1", "labels2"]
    for key in labels:
        assert (alone[key] == together[key]).all()
    assert not np.allclose(alone["before"], alone["features"], atol=1e-2)  # something was learned at all
    assert np.abs(alone["features"] - together["features"]).max() < 1e-4
    assert np.allclose(alone["statistics"], together["statistics"], rtol=1e-4, atol=1e-5)
    losses = [[row["losses"] for row in read_log(folder)] for folder in (one, many)]
    for expected, found in zip(*losses, strict=True):
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert [row["processes"] for row in read_log(many)] == [{"two": 2, "three": 3, "four": 4}[world]] * 2


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "world"), COMPARED)
def test_every_process_has_the_same_bits(name, world, trained):
    files = sorted((trained / world / name).glob("rank*.npz"))
    assert len(files) == {"two": 2, "three": 3, "four": 4}[world]
    first, *others = (np.load(file) for file in files)
    for other in others:
        for key in ("before", "features", "statistics", "weights", "memory"):
            assert np.array_equal(first[key], other[key]), key

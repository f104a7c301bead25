"""One result from 1, 2, 3 and 4 processes, for every method."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.limits import HANG_SECONDS
from tests.methods.worlds import RECIPES
from tests.steady import GROUP

from reseen.methods import METHODS
from reseen.runs.log import read_log

PROJECT = Path(__file__).resolve().parents[2]
GROUPS = -(-72 // GROUP)
SIZES = {"two": 2, "three": 3, "four": 4}
WORLDS = {
    "four": [*METHODS, "halves"],
    "two": ["cluster-contrast", "halves", "stage", "regions"],
    "three": ["whole-batch"],
}
"""What each world trains, and the one process that `one` is."""


@pytest.fixture
def trained(tmp_path, recipe_of, crowd):
    """The folder of run folders, by world and recipe."""
    plan = {name: _steady(recipe_of(name)) for name in METHODS}
    # Groups over several processes: of 8 images where each has 4; of all 16, of which three have 5, 5 and 6.
    for name, group in (("halves", 8), ("whole-batch", None)):
        plan[name] = _steady(recipe_of("cluster-contrast"))
        plan[name]["model"] |= {"norm_group": group, "drop_path": 0.2}
        plan[name]["train"]["channels_last"] = False  # see _steady
    plan["stage"] = _steady(recipe_of("global-patch"))
    plan["stage"]["model"]["patches"]["stage"] = 3
    plan["regions"] = _steady(
        recipe_of("maskpre", region_weight=0.2, mask={"place": "frozen", "block": 2, "ramp": 0})
    )
    plan["regions"]["model"]["frozen_stages"] = 1
    worlds = WORLDS | {"one": list(plan)}
    (tmp_path / RECIPES).write_text(
        json.dumps({world: {name: plan[name] for name in names} for world, names in worlds.items()})
    )
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [sys.executable, "-m", "tests.methods.worlds", str(tmp_path), str(crowd)]
    processes = [subprocess.Popen([*command, str(rank)], cwd=PROJECT, env=environment) for rank in range(4)]
    try:
        assert [process.wait(2 * HANG_SECONDS) for process in processes] == [0, 0, 0, 0]
    finally:
        for process in processes:
            process.kill()
    return tmp_path


def _steady(recipe):
    """A network whose features do not collapse in few steps, which would blow rounding up, and no group that spans.

    Torch counts the mean of a batch norm in float32 where memory is channels-last, and is off by 1e-5; a group that
    spans processes is counted in float64.
    """
    values = recipe.model_dump(mode="json")
    values["model"] |= {"backbone": "test_byobnet", "norm_group": 4}
    values["train"]["learning_rate"] = 1e-4
    if (
        "hierarchy" in values["method"]
    ):  # merged until the groups of `tests.steady` are clusters, no merge less
        values["method"]["hierarchy"] |= {"stop": "clusters", "clusters": GROUPS}
    return values


def test_one_result_and_the_same_bits_in_every_process(trained):
    """One test, so that tests in parallel do not train everything twice."""
    for world, names in WORLDS.items():
        for name in names:
            _check_one_result(trained, name, world)
            _check_same_bits(trained / world / name, SIZES[world])


def _check_one_result(trained, name, world):
    where = f"{name}, {world}"
    one, many = trained / "one" / name, trained / world / name
    alone, together = np.load(one / "rank0.npz"), np.load(many / "rank0.npz")
    labels = [key for key in alone if key.startswith("labels")]
    assert labels == ["labels1", "labels2"]
    for key in labels:
        assert (alone[key] == together[key]).all(), where
    assert not np.allclose(alone["before"], alone["features"], atol=1e-2), (
        where
    )  # something was learned at all
    assert np.abs(alone["features"] - together["features"]).max() < 1e-4, where
    # Adam moves a weight whose gradient is nearly zero by the learning rate, up or down as rounding has it
    assert np.allclose(alone["statistics"], together["statistics"], rtol=1e-3, atol=1e-4), where
    losses = [[row["losses"] for row in read_log(folder)] for folder in (one, many)]
    for expected, found in zip(*losses, strict=True):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-4), where
    assert [row["processes"] for row in read_log(many)] == [SIZES[world]] * 2


def _check_same_bits(folder, size):
    files = sorted(folder.glob("rank*.npz"))
    assert len(files) == size
    first, *others = (np.load(file) for file in files)
    for other in others:
        for key in ("before", "features", "statistics", "weights", "memory"):
            assert np.array_equal(first[key], other[key]), (folder, key)

"""One result from 1, 2, 3 and 4 processes, for every method."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reseen.engine.log import read_log
from reseen.methods import METHODS

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """A function from recipes to the folder in which four processes have trained them; they are trained once."""
    made = {}

    def train(plan):
        if "folder" not in made:
            folder = tmp_path_factory.mktemp("worlds")
            (folder / "plan.json").write_text(json.dumps(plan))
            command = [sys.executable, "-m", "tests.methods.worlds", str(folder)]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            workers = [
                subprocess.Popen([*command, str(rank)], cwd=PROJECT, env=environment) for rank in range(4)
            ]
            assert [worker.wait(250) for worker in workers] == [0, 0, 0, 0]
            made["folder"] = folder
        return made["folder"]

    return train


@pytest.fixture
def trained(outcomes, recipe_of, crowd):
    recipes = {}
    for name in METHODS:
        values = recipe_of(name).model_dump(mode="json")
        values["train"]["learning_rate"] = float(os.environ.get("LR", 1e-5))
        recipes[name] = (["one", "two", "four"], values)
    spanning = json.loads(json.dumps(recipes["cluster-contrast"][1]))
    spanning["model"]["norm_group"] = None
    recipes["spanning"] = (["one", "three"], spanning)
    return outcomes({"data": str(crowd), "recipes": recipes})


def test_x(trained):
    for name in [*METHODS, "spanning"]:
        one = np.load(trained / "one" / name / "rank0.npz")
        l1 = read_log(trained / "one" / name)
        for w in ("two", "three", "four"):
            f = trained / w / name
            if not f.exists():
                continue
            o = np.load(f / "rank0.npz")
            last = np.load(f / "rank1.npz")
            l2 = read_log(f)
            print(
                name,
                w,
                "labels",
                all((one[k] == o[k]).all() for k in one if k.startswith("labels")),
                "losses",
                [(abs(a["losses"][k] - b["losses"][k])) for a, b in zip(l1, l2) for k in a["losses"]],
                "features",
                abs(one["features"] - o["features"]).max(),
                "stats",
                abs(one["statistics"] - o["statistics"]).max(),
                "ranks",
                abs(last["features"] - o["features"]).max(),
                abs(last["statistics"] - o["statistics"]).max(),
                "spread",
                [r["feature_spread"] for r in l2],
                [r["clusters"] for r in l2],
            )
    assert 0

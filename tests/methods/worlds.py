"""`python -m tests.methods.worlds FOLDER RANK`: one of four processes that train the same recipes in worlds of 4, 2 and 1.

They are started once, since loading torch takes longer than all they do. `FOLDER/plan.json` says what: data, and recipes
by name. Each world leaves in `FOLDER/WORLD/NAME` a run folder, the labels of every round and the features after the last.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

import reseen
from reseen.engine.extract import extract
from reseen.engine.fit import fit
from reseen.engine.console import RunView
from reseen.engine.ranks import ALONE
from reseen.engine.recipe import Recipe
from reseen.engine.together import join, leave
from reseen.engine.train import prepare

WORLDS = {"four": [0, 1, 2, 3], "two": [0, 1], "one": [2], "three": [0, 1, 3]}
"""The processes of each world, one world after another; those of `two` and `one` run side by side."""


def world(folder, name, rank, plan):
    members = WORLDS[name]
    if rank not in members:
        return
    place = members.index(rank)
    ranks = ALONE
    if len(members) > 1:
        meeting = dist.FileStore(str(folder / f"{name}.store"), len(members))
        ranks = join(place, len(members), place, "cpu", meeting)
    table = reseen.read_training(Path(plan["data"]))
    for key, (worlds, values) in plan["recipes"].items():
        if name not in worlds:
            continue
        recipe = Recipe.parse(values, key)
        out = folder / name / key
        training = prepare(recipe, table, out, quiet=True, ranks=ranks)
        labels = {}
        fit(
            training,
            RunView(0, True),
            False,
            lambda number, found: labels.update({f"labels{number}": found.labels}),
        )
        features = extract(training.method.extractor(), training.crops, torch.device("cpu"), ranks=ranks)
        statistics = torch.cat([b.flatten().double() for b in training.encoder.buffers()])
        np.savez(
            out / f"rank{place}.npz",
            features=features.vectors.numpy(),
            statistics=statistics.numpy(),
            **labels,
        )
    leave()


def main():
    folder, rank = Path(sys.argv[1]), int(sys.argv[2])
    plan = json.loads((folder / "plan.json").read_text())
    for name in WORLDS:
        world(folder, name, rank, plan)


if __name__ == "__main__":
    main()

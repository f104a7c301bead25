"""`python -m tests.methods.worlds FOLDER DATA RANK`: one of four processes that train together and apart.

They are started once, since loading torch takes longer than all they do. The recipes of each world are in
`FOLDER/recipes.json`; a world leaves in `FOLDER/WORLD/NAME` a run folder and what each of its processes has in the end.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from tests.steady import far_apart

import reseen
from reseen.distributed.launch import join, leave
from reseen.distributed.process_group import SINGLE_PROCESS
from reseen.features import extract as extraction
from reseen.runs.console import RunView
from reseen.runs.recipe import Recipe
from reseen.training import loop
from reseen.training.setup import set_up

RECIPES = "recipes.json"
WORLDS = {"four": [0, 1, 2, 3], "two": [0, 1], "one": [2], "three": [0, 1, 3]}
"""The processes of each world, one world after another; those of `two` and `one` run side by side."""


def train(ranks, recipe, table, out):
    """Train, and write down what this process has."""
    training = set_up(recipe, table, out, quiet=True, ranks=ranks)
    found = {"before": _features(training)}

    def note(number, labels):
        found[f"labels{number}"] = labels.labels

    loop.run_loop(training, RunView(0, True), False, note)
    found["features"] = _features(training)
    found["statistics"] = _numbers(training.encoder.buffers())
    found["weights"] = _numbers(training.encoder.parameters())
    found["memory"] = _numbers(training.method.state().values())
    np.savez(out / f"rank{ranks.rank}.npz", **found)


def _extract_far_apart(*arguments, **options):
    """What clusters and neighbors are found in: batches are rounded by their size, which must not decide them."""
    return far_apart(extraction.extract(*arguments, **options))


def _features(training):
    encoder = training.method.extractor()
    return extraction.extract(
        encoder, training.crops, torch.device("cpu"), ranks=training.ranks
    ).vectors.numpy()


def _numbers(tensors):
    return torch.cat([torch.zeros(1), *(tensor.detach().flatten().float() for tensor in tensors)]).numpy()


def main(folder, data, rank):
    """Take part in the worlds of this process."""
    extraction.BATCH = 20  # several batches of the few crops, and a rest
    loop.extract = _extract_far_apart
    table = reseen.read_training(data)
    recipes = json.loads((folder / RECIPES).read_text())
    for world, members in WORLDS.items():
        if rank not in members:
            continue
        ranks = SINGLE_PROCESS
        if len(members) > 1:
            store = dist.FileStore(str(folder / f"{world}.store"), len(members))
            ranks = join(members.index(rank), len(members), members.index(rank), "cpu", store)
        for name, values in recipes[world].items():
            train(ranks, Recipe.parse(values, name), table, folder / world / name)
        leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))

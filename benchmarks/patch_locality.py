"""How local the vectors of patches are, and whether covered queries would gain by knowing which patches are clear.

python benchmarks/patch_locality.py --protocol market-mini --data DIR --runs DIR,DIR

Over crops of the unlabelled pool each stripe of the crop is painted over in turn: the cosine of every patch's vector
with that of the clear crop, mean over those it looks at and over all others. A vector that changes as much for what is
painted elsewhere is not local, and then no patch of a covered query is worth more than another.

Over query and gallery: mAP by every patch alone, and of covered queries by all patches, by each as far as it is clear,
and by those alone that are not touched. Where the rectangle lies is known here and nowhere else; nothing is chosen by
it.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console
from rich.table import Table
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.pool_runs import parse, write
from benchmarks.protocols import PROTOCOLS

from reseen.data.crops import Crops, open_crops
from reseen.data.occlusion import Occlusion
from reseen.distributed.process_group import SINGLE_PROCESS
from reseen.evaluate import RetrievalTask, score
from reseen.features.extract import batches
from reseen.models import Encoder
from reseen.records import Features
from reseen.runs.run import Run, open_run
from reseen.tasks.evaluation.score import Benchmark, retrieve

_DEVICE = torch.device("cpu")
_CROPS = 500
_COVER = Occlusion(share=0.3)
_CLEAR = 0.99


def main() -> None:
    """Measure every run, print a table and write one JSON."""
    arguments = parse(__doc__, "patch-locality.json")
    protocol = PROTOCOLS[arguments.protocol]
    pool = protocol.training(arguments.data)
    chosen = pool.select(
        np.sort(np.random.default_rng(0).choice(len(pool), min(_CROPS, len(pool)), replace=False))
    )
    benchmark = protocol.benchmark(arguments.data)
    found: dict[str, dict[str, Any]] = {}
    for folder in arguments.runs:
        run = open_run(folder)
        found[folder.name] = {**locality(run, chosen), **clear_scores(run, benchmark)}
    table = Table(title="cosines and mAP", title_justify="left")
    table.add_column("", no_wrap=True)
    for run in found:
        table.add_column(run, justify="right")
    for name in (name for name, value in next(iter(found.values())).items() if isinstance(value, float)):
        table.add_row(name, *(f"{values[name]:.3f}" for values in found.values()))
    Console(width=max(100, Console().width)).print(table)
    write(
        arguments,
        {
            "protocol": arguments.protocol,
            "crops": len(chosen),
            "runs": found,
        },
    )


@torch.no_grad()
def locality(run: Run, table: Any) -> dict[str, Any]:
    """Cosines of patches with themselves, where a stripe of the crop is painted in the mean color."""
    encoder = run.encoder()
    crops = open_crops(table, run.recipe.data, encoder.height, encoder.width, progress=False)
    clear = _looks(encoder, crops, None)
    count = clear.shape[1]
    cosines = torch.stack(
        [(clear * _looks(encoder, crops, at)).sum(dim=2).mean(dim=0) for at in range(count)]
    )
    other = (clear * clear.roll(1, dims=0)).sum(dim=2).mean()
    own = torch.eye(count, dtype=torch.bool)
    away = (torch.arange(count)[:, None] - torch.arange(count)).abs() > 1
    return {
        "cosine, its own stripe painted": round(float(cosines[own].mean()), 4),
        "cosine, a neighboring stripe painted": round(float(cosines[~own & ~away].mean()), 4),
        "cosine, a stripe further away painted": round(float(cosines[away].mean()), 4),
        "cosine, another crop": round(float(other), 4),
        "cosines, painted stripe by patch": [[round(value, 4) for value in row] for row in cosines.tolist()],
    }


def clear_scores(run: Run, benchmark: Benchmark) -> dict[str, Any]:
    """Score by each patch alone, and of covered queries by what is known of the cover."""
    retrieval = retrieve(run, benchmark, occlusions=(_COVER,), part="patch", quiet=True)
    encoder = run.encoder()
    assert encoder.patches is not None
    shape = (encoder.patches.count, encoder.patches.dimension)
    covered = retrieval.occluded[_COVER.name]
    shares = _clear_shares(retrieval.query, encoder, shape[0])
    untouched = (shares >= _CLEAR).float()
    none = ~(untouched > 0).any(dim=1)
    untouched[none] = 1
    alone = [
        _by(retrieval.task, torch.eye(shape[0])[at].expand(len(shares), -1), shape) for at in range(shape[0])
    ]
    return {
        "mAP, all patches": _by(retrieval.task, torch.ones_like(shares), shape),
        "mAP, the best patch alone": max(alone),
        "mAP, each patch alone": alone,
        "covered, all patches": _by(covered, torch.ones_like(shares), shape),
        "covered, each as far as it is clear": _by(covered, shares, shape),
        "covered, untouched patches alone": _by(covered, untouched, shape),
        "queries without an untouched patch": round(float(none.float().mean()), 4),
    }


def _looks(encoder: Encoder, crops: Crops, painted: int | None) -> Float[Tensor, "n p e"]:
    """Patches of all crops; images are normalized, so that 0 is the mean color."""
    assert encoder.patches is not None
    found = []
    for batch in batches(crops, encoder, _DEVICE, SINGLE_PROCESS):
        images = batch.images
        if painted is not None:
            step = images.shape[2] / encoder.patches.count
            images[:, :, round(painted * step) : round((painted + 1) * step)] = 0
        found.append(encoder.embed_patches(encoder.trunk_maps(images).patches))
    return torch.cat(found)


def _clear_shares(queries: Crops, encoder: Encoder, count: int) -> Float[Tensor, "q p"]:
    """Share of each stripe of each covered query that is not covered: what stays what it was, black or white."""
    paths = list(queries.table.paths)
    black = torch.zeros(len(paths), 3, encoder.height, encoder.width, dtype=torch.uint8)
    clear = (_COVER.hide(black, paths) != _COVER.hide(black + 255, paths)).any(dim=1).float()
    return torch.stack([part.mean(dim=(1, 2)) for part in clear.tensor_split(count, dim=1)], dim=1)


def _by(task: RetrievalTask, weights: Float[Tensor, "q p"], shape: tuple[int, int]) -> float:
    """Score by the weighted mean of the patches' cosines; gallery vectors keep all patches, each of unit length."""
    patches = task.query.vectors.unflatten(1, shape) * weights[:, :, None]
    query = torch.nn.functional.normalize(patches.flatten(1), dim=1)
    return round(float(score(replace(task, query=Features(query))).mean_average_precision), 4)


if __name__ == "__main__":
    main()

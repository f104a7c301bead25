"""Whom similarity weights favor: right credible neighbors or wrong ones, of the same camera or of others.

python benchmarks/credible_weights.py --protocol market-mini --data DIR --runs DIR,DIR

For every run of global-patch, over the unlabelled pool: its credible neighbors by its own rule, and the weight that
each has among its image's neighbors, where uniform weights are 1. Identities of the pool are read for this count alone;
nothing is trained or chosen here.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.people import identities_of
from benchmarks.pool_runs import parse, write
from benchmarks.protocols import PROTOCOLS

from reseen import ImageTable
from reseen.cluster import center_cameras
from reseen.data.crops import open_crops
from reseen.features.extract import extract
from reseen.losses.global_similarity import GlobalSimilaritySettings, credible_weights
from reseen.methods.global_patch_settings import GlobalPatchSettings
from reseen.neighbors import credible_neighbors
from reseen.records import to_index_tensor
from reseen.runs.run import open_run


def main() -> None:
    """Weigh the neighbors of every run, print a table and write one JSON."""
    arguments = parse(__doc__, "credible-weights.json")
    pool = PROTOCOLS[arguments.protocol].training(arguments.data)
    rows = [{"run": folder.name} | weights_of(folder, pool) for folder in arguments.runs]
    table = Table()
    table.add_column("", no_wrap=True)
    for row in rows:
        table.add_column(row["run"], justify="right")
    for name in (name for name in rows[0] if name != "run"):
        table.add_row(name, *(f"{row[name]:.2f}" for row in rows))
    Console(width=max(110, Console().width)).print(table)
    write(arguments, {"rows": rows})


def weights_of(folder: Path, pool: ImageTable) -> dict[str, Any]:
    """Share and mean relative weight of each kind of neighbor, as of the last round's encoder."""
    run = open_run(folder)
    settings = run.recipe.method
    if not isinstance(settings, GlobalPatchSettings):
        raise SystemExit(f"{folder}: a run of {settings.name}; only global-patch has credible neighbors")
    encoder = run.encoder(part="global")
    crops = open_crops(pool, run.recipe.data, encoder.height, encoder.width, progress=False)
    features = extract(encoder, crops, torch.device("cpu"))
    found = credible_neighbors(center_cameras(features, pool.cameras), settings.credible)
    there, people = found >= 0, identities_of(pool)
    members = to_index_tensor(np.maximum(found, 0))
    alike = torch.einsum("nd,nkd->nk", features.vectors, features.vectors[members])
    similarity = GlobalSimilaritySettings(weights="similarity")
    shares = credible_weights(alike, torch.from_numpy(there), similarity)[:, 1:]
    relative = (shares / shares.sum(dim=1, keepdim=True)).numpy() * there.sum(axis=1, keepdims=True)
    right = people[found] == people[:, None]
    across = pool.cameras[found] != pool.cameras[:, None]
    kinds = {
        "right, same camera": right & ~across,
        "right, other camera": right & across,
        "wrong, same camera": ~right & ~across,
        "wrong, other camera": ~right & across,
    }
    numbers: dict[str, Any] = {"neighbors": round(float(there.sum() / len(pool)), 4)}
    for name, kind in kinds.items():
        chosen = kind & there
        numbers[f"{name}: share"] = round(float(chosen.sum() / there.sum()), 4)
        numbers[f"{name}: weight"] = round(float(relative[chosen].mean()), 4)
    return numbers


if __name__ == "__main__":
    main()

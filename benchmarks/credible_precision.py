"""How often credible neighbors are right, by rule: nearest by cosine, or those that share most neighbors.

python benchmarks/credible_precision.py --protocol market-mini --data DIR --runs DIR,DIR

For the features of every run folder over the unlabelled pool, cameras taken out. Identities of the pool are read for
this count alone; nothing is trained or chosen here.
"""

import sys
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.people import identities_of
from benchmarks.pool_runs import parse, write
from benchmarks.protocols import PROTOCOLS

from reseen.cluster import center_cameras
from reseen.data.crops import open_crops
from reseen.features.extract import extract
from reseen.neighbors import CredibleSettings, JaccardSettings, credible_neighbors
from reseen.runs.run import open_run

_RULES = {
    "cosine 0.35, 8 nearest, mutual": CredibleSettings(count=8, threshold=0.35),
    "shared 0.4, 20 nearest": CredibleSettings(
        count=20, threshold=0.4, mutual=False, source="shared", jaccard=JaccardSettings(k1=20, k2=6)
    ),
}


def main() -> None:
    """Count for every run and rule, print a table and write one JSON."""
    arguments = parse(__doc__, "credible-precision.json")
    pool = PROTOCOLS[arguments.protocol].training(arguments.data)
    people = identities_of(pool)
    table = Table("run", "rule", "neighbors", "right", "right, other cameras", "right ones of other cameras")
    rows = []
    for folder in arguments.runs:
        run = open_run(folder)
        encoder = run.encoder()
        crops = open_crops(pool, run.recipe.data, encoder.height, encoder.width, progress=False)
        features = center_cameras(extract(encoder, crops, torch.device("cpu")), pool.cameras)
        for rule, settings in _RULES.items():
            found = credible_neighbors(features, settings)
            there = found >= 0
            right = (people[found] == people[:, None]) & there
            across = (pool.cameras[found] != pool.cameras[:, None]) & there
            numbers = {
                "neighbors": there.sum() / len(pool),
                "right": right.sum() / there.sum(),
                "right_other_cameras": (right & across).sum() / across.sum(),
                "right_ones_of_other_cameras": (right & across).sum() / len(pool),
            }
            rows.append(
                {"run": folder.name, "rule": rule} | {k: round(float(v), 4) for k, v in numbers.items()}
            )
            table.add_row(folder.name, rule, *(f"{value:.2f}" for value in numbers.values()))
    Console(width=max(120, Console().width)).print(table)
    write(arguments, {"rows": rows})


if __name__ == "__main__":
    main()

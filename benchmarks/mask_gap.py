"""What hiding a part does to a vector: a mask over a feature map, beside a cover over the crop itself.

python benchmarks/mask_gap.py --protocol market-mini --data DIR --runs DIR,DIR

For every run folder, over crops of the unlabelled pool: the mean cosine of the vector of the whole crop with that of a
masked map, of masked frozen stages, of a covered crop, of half a body, of the mirror image and of another crop. Where
masked maps lie close to the whole and covered crops do not, predicting what masks hide does not teach what covers do.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.pool_runs import parse, write
from benchmarks.protocols import PROTOCOLS

from reseen.data.crops import Crops, open_crops
from reseen.data.occlusion import Occlusion
from reseen.distributed.process_group import SINGLE_PROCESS
from reseen.features.extract import batches
from reseen.geometry import unit
from reseen.models import Encoder
from reseen.models.frozen_stages import apply_mask, frozen_grid, frozen_output, maps_from_frozen
from reseen.models.masking import MaskSettings, draw_masks
from reseen.runs.run import Run, open_run

_DEVICE = torch.device("cpu")
_CROPS = 1000
_SHARES = (0.1, 0.3, 0.5)
_COVERS = (Occlusion(share=0.1), Occlusion(share=0.3), Occlusion(share=0.5), Occlusion(half="upper"))


def main() -> None:
    """Measure every run, print a table and write one JSON."""
    arguments = parse(__doc__, "mask-gap.json")
    pool = PROTOCOLS[arguments.protocol].training(arguments.data)
    chosen = np.sort(np.random.default_rng(0).choice(len(pool), min(_CROPS, len(pool)), replace=False))
    table = Table(title="cosine with the vector of the whole crop, means", title_justify="left")
    table.add_column("what is hidden")
    found: dict[str, dict[str, float]] = {}
    for folder in arguments.runs:
        found[folder.name] = gaps(open_run(folder), pool.select(chosen))
    for run in found:
        table.add_column(run, justify="right")
    for name in next(iter(found.values())):
        table.add_row(name, *(f"{values[name]:.2f}" if name in values else "" for values in found.values()))
    Console(width=max(100, Console().width)).print(table)
    write(
        arguments,
        {
            "protocol": arguments.protocol,
            "crops": len(chosen),
            "cosines": {
                run: {name: round(value, 4) for name, value in values.items()}
                for run, values in found.items()
            },
        },
    )


def gaps(run: Run, table: Any) -> dict[str, float]:
    """Mean cosines of a run's encoder."""
    encoder = run.encoder()
    crops = open_crops(table, run.recipe.data, encoder.height, encoder.width, progress=False)
    whole = vectors(encoder, crops, lambda images: encoder(images))
    changed = {
        f"map masked {share:.0%}": vectors(encoder, crops, _masked(encoder, share)) for share in _SHARES
    }
    if (grid := frozen_grid(encoder)) is not None:
        for share in _SHARES:
            changed[f"frozen masked {share:.0%}"] = vectors(
                encoder, crops, _masked_early(encoder, grid, share)
            )
    for cover in _COVERS:
        changed[f"crop {cover.name}"] = vectors(
            encoder, replace(crops, occlusion=cover), lambda images: encoder(images)
        )
    changed["mirror image"] = vectors(encoder, crops, lambda images: encoder(images.flip(3)))
    changed["another crop"] = whole.roll(1, dims=0)
    return {name: mean((whole * other).sum(dim=1).tolist()) for name, other in changed.items()}


def _masked(encoder: Encoder, share: float) -> Callable[[torch.Tensor], torch.Tensor]:
    settings, generator = MaskSettings(), torch.Generator().manual_seed(0)

    def look(images: torch.Tensor) -> torch.Tensor:
        maps = encoder.maps(images)
        return encoder.embed(maps, draw_masks(encoder.cells(maps), settings, share, generator))

    return look


def _masked_early(
    encoder: Encoder, grid: tuple[int, int], share: float
) -> Callable[[torch.Tensor], torch.Tensor]:
    settings, generator = MaskSettings(block=(3, 5)), torch.Generator().manual_seed(0)

    def look(images: torch.Tensor) -> torch.Tensor:
        kept = draw_masks(images.new_ones(len(images), 1, *grid), settings, share, generator)
        return encoder.embed(
            maps_from_frozen(encoder, images, apply_mask(frozen_output(encoder, images), kept))
        )

    return look


@torch.no_grad()
def vectors(encoder: Encoder, crops: Crops, look: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Unit vectors of all crops, looked at in some way."""
    encoder.eval()
    return unit(torch.cat([look(batch.images) for batch in batches(crops, encoder, _DEVICE, SINGLE_PROCESS)]))


if __name__ == "__main__":
    main()

"""Score a run on query and gallery. Identities are read here, after training, and nowhere before."""

from dataclasses import dataclass
from pathlib import Path

import torch

from reseen.data.evaluation_table import EvaluationTable
from reseen.data.readers import read_evaluation
from reseen.engine.console import RunView
from reseen.engine.crops import open_crops
from reseen.engine.extract import extract
from reseen.engine.recipe import Recipe
from reseen.engine.run import Run, open_run
from reseen.evaluate.metrics import RetrievalScore, score
from reseen.evaluate.ranking import RetrievalTask
from reseen.models import Encoder


@dataclass(frozen=True)
class Benchmark:
    """Query and gallery with the truth."""

    query: EvaluationTable
    gallery: EvaluationTable


def read_benchmark(data: str | Path, recipe: Recipe) -> Benchmark:
    """Query and gallery of a folder or manifest.

    Raises:
        DataError: the data has none.
    """
    layout = None if recipe.data.layout == "auto" else recipe.data.layout
    return Benchmark(*read_evaluation(Path(data), layout=layout))


def evaluate(run: Run | str | Path, data: str | Path, *, quiet: bool = False) -> RetrievalScore:
    """Score the last round of a run by the Market-1501 protocol; the last round is the result, none is chosen.

    Raises:
        RunError: `run` is no run folder.
        DataError: `data` has no query and gallery, or no query can be scored.
    """
    run = run if isinstance(run, Run) else open_run(run)
    device = torch.device("cuda" if torch.cuda.is_available() and run.facts["device"] == "cuda" else "cpu")
    benchmark = read_benchmark(data, run.recipe)
    return score(retrieval_task(run.encoder().to(device), benchmark, run.recipe, device, quiet=quiet))


def retrieval_task(
    encoder: Encoder, benchmark: Benchmark, recipe: Recipe, device: torch.device, *, quiet: bool = False
) -> RetrievalTask:
    """Features of query and gallery beside the truth; unreadable crops are left out on both sides."""
    sides = []
    with RunView(0, quiet) as view:
        for name, table in (("query", benchmark.query), ("gallery", benchmark.gallery)):
            crops = open_crops(
                table.images, recipe.data, encoder.height, encoder.width, progress=not quiet
            )
            features = extract(encoder, crops, device, view.phase(f"{name}: features", len(crops)))
            sides.append((features, table.identities[crops.store_rows.numpy()], crops.table.cameras))
    (query, query_ids, query_cameras), (gallery, gallery_ids, gallery_cameras) = sides
    return RetrievalTask(query, gallery, query_ids, query_cameras, gallery_ids, gallery_cameras)

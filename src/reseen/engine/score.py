"""Score a run on query and gallery. Identities are read here, after training, and nowhere before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from reseen.data.evaluation_table import EvaluationTable
from reseen.data.occlusion import Occlusion
from reseen.data.readers import choose, read_evaluation
from reseen.engine.console import RunView
from reseen.engine.crops import Crops, open_crops
from reseen.engine.extract import extract
from reseen.engine.run import Run, open_run
from reseen.errors import DataError
from reseen.evaluate import metrics
from reseen.evaluate.metrics import RetrievalScore
from reseen.evaluate.ranking import RetrievalTask

SCORED = ("market",)
"""Protocols that a run can be scored by."""


@dataclass(frozen=True)
class Benchmark:
    """Query and gallery with the truth."""

    query: EvaluationTable
    gallery: EvaluationTable
    name: str = ""
    """The data set, and the variant where it has several."""
    protocol: str = "market"
    """The rules that it is made for."""


def read_benchmark(data: str | Path, layout: str | None = None, variant: str | None = None) -> Benchmark:
    """Query and gallery of a folder, shards or a manifest; the layout is found by looking when it is None.

    Raises:
        DataError: the data has none, or is made for rules that are not those of Market-1501.
        SettingsError: an unknown layout or variant.
    """
    root = Path(data).expanduser()
    choice = choose(root, layout, variant)
    if choice is not None and choice.variant.protocol not in SCORED:
        others = [one.name for one in choice.dataset.variants if one.protocol in SCORED]
        raise DataError(
            f"{root}: {choice.dataset.title} ({choice.variant.name}) is scored by the protocol "
            f"'{choice.variant.protocol}'; the rules of Market-1501 would give a number that means nothing"
            + (f"; variants that they fit: {', '.join(others[:3])}, ..." if others else "")
        )
    query, gallery = read_evaluation(root, layout, variant)
    if choice is None or not choice.variant.words:
        return Benchmark(query, gallery, "" if choice is None else choice.dataset.title)
    return Benchmark(
        query, gallery, f"{choice.dataset.title}, {choice.variant.words}", choice.variant.protocol
    )


@dataclass(frozen=True)
class Retrieval:
    """A task to score, and the crops behind its rows, to look at."""

    task: RetrievalTask
    query: Crops
    gallery: Crops
    occluded: Mapping[str, RetrievalTask]
    """The same task with queries of which a part is hidden, by the name of the occlusion."""

    @property
    def unreadable(self) -> dict[str, list[str]]:
        """Crops that no score is made from, by side."""
        return {"query": list(self.query.store.unreadable), "gallery": list(self.gallery.store.unreadable)}

    def score(self) -> RetrievalScore:
        """By the Market-1501 protocol."""
        return metrics.score(self.task)

    def occluded_scores(self) -> dict[str, RetrievalScore]:
        """By the same protocol, with each occlusion of the queries."""
        return {name: metrics.score(task) for name, task in self.occluded.items()}


def score(
    run: Run | str | Path,
    data: str | Path,
    *,
    layout: str | None = None,
    variant: str | None = None,
    quiet: bool = False,
) -> RetrievalScore:
    """Score the last round of a run by the Market-1501 protocol; the last round is the result, none is chosen.

    Raises:
        RunError: `run` is no run folder.
        DataError: `data` has no query and gallery, is made for other rules, or no query can be scored.
        SettingsError: an unknown layout or variant.
    """
    run = run if isinstance(run, Run) else open_run(run)
    return retrieve(run, read_benchmark(data, layout, variant), quiet=quiet).score()


def retrieve(
    run: Run,
    benchmark: Benchmark,
    *,
    occlusions: Sequence[Occlusion] = (),
    student: bool = False,
    part: Literal["both", "global", "patch"] | None = None,
    quiet: bool = False,
) -> Retrieval:
    """Features of query and gallery beside the truth; unreadable crops are left out on both sides.

    With `occlusions`, features of the queries with a part hidden, too; with `student`, those of the network that
    learned, where the method scores a momentum teacher; with `part`, of whole images or patches alone, where the
    method learned both.
    """
    device = scoring_device(run)
    encoder = run.encoder(student, part).to(device)
    tables = {"query": benchmark.query, "gallery": benchmark.gallery}
    opened = {
        name: open_crops(table.images, run.recipe.data, encoder.height, encoder.width, progress=not quiet)
        for name, table in tables.items()
    }
    sides = []
    with RunView(0, quiet) as view:
        for name, table in tables.items():
            crops = opened[name]
            view.say(*(f"{name}: {note}" for note in crops.notes))
            features = extract(encoder, crops, device, view.phase(f"{name}: features", len(crops)))
            sides.append((crops, features, table.identities[crops.store_rows.numpy()]))
        hidden = {}
        for occlusion in occlusions:
            crops = replace(sides[0][0], occlusion=occlusion)
            progress = view.phase(f"query, {occlusion.name}: features", len(crops))
            hidden[occlusion.name] = extract(encoder, crops, device, progress)
    (query, query_features, query_ids), (gallery, gallery_features, gallery_ids) = sides
    task = RetrievalTask(
        query_features, gallery_features, query_ids, query.table.cameras, gallery_ids, gallery.table.cameras
    )
    occluded = {name: replace(task, query=features) for name, features in hidden.items()}
    return Retrieval(task, query, gallery, occluded)


def scoring_device(run: Run) -> torch.device:
    """The device a run was trained on, where it is at hand, else the CPU."""
    return torch.device("cuda" if run.facts["device"] == "cuda" and torch.cuda.is_available() else "cpu")

"""What an export costs in rank-1 and mean average precision, where labelled data is at hand."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from reseen.engine.console import RunView
from reseen.engine.crops import Crops
from reseen.engine.run import Run
from reseen.engine.score import Benchmark, retrieve
from reseen.errors import SettingsError
from reseen.evaluate.metrics import RetrievalScore
from reseen.evaluate.scoring import ScoringOptions
from reseen.gallery.export.form import InputForm
from reseen.geometry import unit
from reseen.records import Features

_BATCH = 64


@dataclass(frozen=True)
class Scores:
    """Of the run, and of the file."""

    run: RetrievalScore
    file: RetrievalScore


def compare_scores(
    run: Run,
    file: Callable[[np.ndarray], np.ndarray],
    form: InputForm,
    benchmark: Benchmark,
    part: str | None = None,
    quiet: bool = True,
) -> Scores:
    """Score the same query and gallery twice: by the run's encoder and by the file.

    Raises:
        SettingsError: the benchmark is scored by tracklets, which are averaged before unit length.
    """
    if benchmark.protocol == "video":
        raise SettingsError(
            "--score: this benchmark ranks tracklets, the file embeds crops; take one of crops"
        )
    options = ScoringOptions(protocol=benchmark.protocol, details=False)
    retrieval = retrieve(run, benchmark, options=options, part=part, quiet=quiet)  # type: ignore[arg-type]
    with RunView(0, quiet) as view:
        sides = []
        for name, crops in (("query", retrieval.query), ("gallery", retrieval.gallery)):
            sides.append(file_features(file, form, crops, view.phase(f"{name}: by the file", len(crops))))
    task = replace(retrieval.task, query=sides[0], gallery=sides[1])
    return Scores(retrieval.score(quiet), replace(retrieval, task=task).score(quiet))


def file_features(
    file: Callable[[np.ndarray], np.ndarray], form: InputForm, crops: Crops, progress: Callable[[int], None]
) -> Features:
    """The file's vectors of every crop, in row order."""
    parts = []
    for start in range(0, len(crops), _BATCH):
        rows = torch.arange(start, min(start + _BATCH, len(crops)))
        parts.append(torch.from_numpy(np.asarray(file(form.arrange(crops.images(rows))))))
        progress(len(rows))
    return Features(unit(torch.cat(parts)))

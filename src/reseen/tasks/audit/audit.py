"""Audit a run without labels: how good its clusters are, which similarity means one person, how far to trust that.

Cluster features once more as a run's method does, after training, to look at and not to learn from.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reseen.audit import (
    AuditScores,
    Calibration,
    calibrate,
    clustering_agreement,
    gather_evidence,
    measure,
    read_answers,
)
from reseen.cluster import Clustering, ClusterQuality, cluster_quality
from reseen.data.crops import Crops, open_crops
from reseen.data.table import ImageTable
from reseen.data.views import AugmentationSettings, shift_and_flip
from reseen.errors import DataError, SettingsError
from reseen.features.extract import extract
from reseen.files import check_output, write_text
from reseen.geometry import unit
from reseen.locks import sole_writer
from reseen.methods import METHODS, MethodContext
from reseen.models import Encoder
from reseen.records import Features
from reseen.runs.checkpoint import CHECKPOINT, read_checkpoint
from reseen.runs.console import Progress, RunView, no_progress
from reseen.runs.device import scoring_device
from reseen.runs.load_table import load_other_table
from reseen.runs.run import Run, open_run
from reseen.tasks.audit.verify import Sheet, Verification, answered_pairs, verify, write_sheet


def recluster_with_run(
    run: Run, encoder: Encoder, crops: Crops, device: torch.device
) -> Callable[[Features], Clustering]:
    """A function from features of `crops` to the clusters that the run's method makes of them.

    Every call starts from the state of the run's last whole round, so that it gives the same clusters for the same
    features. Answers of a person are not taken into account: the clusters are the encoder's own.
    """
    prefix = "method."
    tensors, _ = read_checkpoint(run.folder / CHECKPOINT)
    state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}

    def recluster(features: Features) -> Clustering:
        generator = torch.Generator().manual_seed(run.recipe.seed)
        cameras = crops.cameras if run.recipe.cameras else None
        context = MethodContext(encoder, cameras, generator, device, encoder.raw, crops.tracklets)
        method = METHODS[run.recipe.method.name].method(run.recipe.method, context)
        if state:
            method.restore(state)
        return method.recluster(features)

    return recluster


AUDIT = "audit.json"

_VIEW = AugmentationSettings(flip=0.5, pad=10 / 256, erasing=0.0)
"""How a view differs from the crop: mirrored or not, and moved by up to a twenty-fifth of its height."""


@dataclass(frozen=True)
class Audit:
    """What can be said of a run without labels."""

    run: Path
    rounds: int
    crops: int
    data: str
    """Fingerprint of the crops and their cameras: audits of the same can be compared."""
    quality: ClusterQuality
    """Of the clusters that the last encoder makes now, by the clustering of the run's method."""
    parts: AuditScores
    """Of the same clusters; stability is the mean over views."""
    size_spreads: tuple[float, ...]
    """Standard deviation of cluster sizes over their mean, round by round as trained."""
    calibration: Calibration | None
    """None where the crops allow none."""
    notes: tuple[str, ...]
    verification: Verification | None
    """What a person's answers say; None without answers."""
    page: Path | None
    """The sheet of questions, where one was asked for."""

    @property
    def score(self) -> float | None:
        """The audit score, 0 to 1, higher is better."""
        return self.parts.score

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file."""
        return {
            "format": "reseen-audit-1",
            "rounds": self.rounds,
            "crops": self.crops,
            "data": self.data,
            "score": self.score,
            "parts": asdict(self.parts),
            "clusters": self.quality.as_row(),
            "size_spread_by_round": list(self.size_spreads),
            "calibration": None if self.calibration is None else self.calibration.to_json(),
            "verification": None if self.verification is None else self.verification.to_json(),
            "notes": list(self.notes),
        }


def audit_run(
    run: Run | str | Path,
    data: str | Path | ImageTable,
    *,
    views: int = 1,
    answers: Sequence[str | Path] = (),
    verify_page: str | Path | None = None,
    questions: int = 200,
    seed: int = 0,
    camera_pattern: str | None = None,
    quiet: bool = False,
) -> Audit:
    """Look at the last round of a run on unlabelled crops, and write `audit.json` into its folder.

    No identity is read. `views` other views of every crop are embedded and clustered to tell how stable clusters are.
    With `verify_page`, a page of about so many `questions` is written for a person; `answers` are files that such
    pages saved: what was answered is not asked again, and precision and recall are told from it.

    Raises:
        RunError: `run` is no run folder.
        DataError: data or answers cannot be read, or no answer is on this run.
        SettingsError: a count out of range.
        TrainingError: the crops cannot be clustered as the run's method does.
        StorageError: a file cannot be written, or another process is auditing this run.
    """
    _check(views, questions)
    run = run if isinstance(run, Run) else open_run(run)
    page = None if verify_page is None else check_output(Path(verify_page).expanduser())
    with sole_writer(run.folder / AUDIT):  # and of the strata of sheets, which are read and written again
        return _audit(run, data, views, answers, page, questions, seed, camera_pattern, quiet)


def _audit(
    run: Run,
    data: str | Path | ImageTable,
    views: int,
    answers: Sequence[str | Path],
    page: Path | None,
    questions: int,
    seed: int,
    camera_pattern: str | None,
    quiet: bool,
) -> Audit:
    said = read_answers(answers)
    table = load_other_table(run.recipe, data, camera_pattern)
    device = scoring_device(run)
    encoder = run.encoder().to(device)
    crops = open_crops(table, run.reading, encoder.height, encoder.width, progress=not quiet)
    if len(crops) < 2:
        raise DataError(f"{table.root}: an audit compares crops, found {len(crops)}; give a folder with more")
    recluster = recluster_with_run(run, encoder, crops, device)
    generator = torch.Generator().manual_seed(seed)
    with RunView(0, quiet) as view:
        view.say(*crops.notes)
        features = extract(encoder, crops, device, view.phase("features", len(crops)))
        labels = recluster(features).labels
        plain = _directions(features)
        agreements, nearness = [], np.zeros(len(crops))
        for number in range(1, views + 1):
            progress = view.phase(f"view {number} of {views}: features", len(crops))
            other = other_view(encoder, crops, device, generator, progress)
            agreements.append(clustering_agreement(labels, recluster(other).labels))
            nearness += np.einsum("nd,nd->n", plain.numpy, _directions(other).numpy) / views
        parts = measure(plain, labels, crops.cameras, float(np.mean(agreements)))
        sheet = Sheet.plan(run, crops, plain, labels)
        verification = verify(run, sheet, said) if said else None
        found, notes = _calibration(plain, crops, nearness, sheet, verification, said, seed)
        if page is not None:
            write_sheet(page, run, sheet, said, questions, seed, view)
    done = Audit(
        run.folder, run.rounds_done, len(crops), crops.table.fingerprint, cluster_quality(labels), parts,
        tuple(round(row["size_spread"], 4) for row in run.log if "size_spread" in row), found, notes, verification,
        page,
    )  # fmt: skip
    write_text(run.folder / AUDIT, json.dumps(done.to_json(), indent=1) + "\n")
    return done


def other_view(
    encoder: Encoder,
    crops: Crops,
    device: torch.device,
    generator: torch.Generator,
    progress: Progress = no_progress,
) -> Features:
    """Features of the crops, each mirrored or not and moved a little."""
    return extract(
        encoder, crops, device, progress, transform=lambda images: shift_and_flip(images, _VIEW, generator)
    )


def _calibration(
    features: Features,
    crops: Crops,
    nearness: np.ndarray,
    sheet: Sheet,
    verification: Verification | None,
    said: Sequence[Any],
    seed: int,
) -> tuple[Calibration | None, tuple[str, ...]]:
    """The calibration, or a note on why there is none."""
    current = verification is not None and verification.current
    answered = answered_pairs(crops.table, sheet, said) if current else None
    generator = np.random.default_rng(seed)
    try:
        evidence = gather_evidence(features, crops.table, nearness, answered, generator)
        return calibrate(evidence, generator), ()
    except DataError as error:
        return None, (f"no threshold: {error}",)


def _directions(features: Features) -> Features:
    return Features(unit(features.vectors)) if features.raw else features


def _check(views: int, questions: int) -> None:
    if views < 1:
        raise SettingsError(f"views: wanted 1 or more, got {views}; stability needs another view")
    if questions < 20:
        raise SettingsError(f"questions: wanted 20 or more, got {questions}; 200 are usual")

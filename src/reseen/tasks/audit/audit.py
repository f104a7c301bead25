"""Audit a run without labels: re-cluster its crops, measure the clusters, and calibrate a threshold from answers."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reseen.audit import (
    FALSE_MATCHES,
    Answer,
    Calibration,
    Rarity,
    RoundHealth,
    Verdict,
    clustering_agreement,
    judge,
    probe_score,
    random_pair_rarity,
    read_answers,
    round_health,
)
from reseen.audit.calibration import check_false_matches
from reseen.cluster import Clustering, ClusterQuality, cluster_quality
from reseen.data.crops import Crops, open_crops
from reseen.data.table import ImageTable
from reseen.data.views import shift_and_flip
from reseen.errors import DataError, SettingsError
from reseen.features.extract import extract
from reseen.features.feature_cache import FEATURE_CACHE_GIGABYTES, cache_notes, open_feature_cache
from reseen.features.probe_encoder import MOST_CROPS, VIEW, probe_encoder, probed_rows
from reseen.files import check_output, write_text
from reseen.geometry import unit
from reseen.locks import exclusive_writer
from reseen.methods import METHODS, MethodContext
from reseen.models import Encoder
from reseen.records import Features
from reseen.runs.checkpoint import CHECKPOINT, read_checkpoint
from reseen.runs.console import Progress, RunView, no_progress
from reseen.runs.device import scoring_device
from reseen.runs.load_table import load_other_table
from reseen.runs.run import Run, open_run
from reseen.tasks.audit.verify import Sheet, Verification, calibrate_sheet, verify, write_sheet
from reseen.tasks.comparison.sides import UNTRAINED, Side, open_sides, probe_side
from reseen.training.setup import find_copies


def recluster_with_run(
    run: Run, encoder: Encoder, crops: Crops, device: torch.device
) -> Callable[[Features], Clustering]:
    """A function that clusters features of `crops` by the run's method.

    Every call starts from the method's state in the checkpoint, so that equal features give equal clusters. Constraints
    from answers are not applied: the clusters depend only on the encoder.
    """
    prefix = "method."
    tensors, _ = read_checkpoint(run.folder / CHECKPOINT)
    copies = find_copies(run.recipe, crops)
    state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}

    def recluster(features: Features) -> Clustering:
        generator = torch.Generator().manual_seed(run.recipe.seed)
        cameras = crops.cameras if run.recipe.cameras else None
        context = MethodContext(
            encoder, cameras, generator, device, encoder.raw, crops.tracklets, copies=copies
        )
        method = METHODS[run.recipe.method.name].method(run.recipe.method, context)
        if state:
            method.restore(state)
        return method.recluster(features)

    return recluster


AUDIT = "audit.json"


@dataclass(frozen=True)
class Audit:
    """The audit of a run, without labels.

    Example:
        >>> audit = reseen.audit_run("runs/market", "crops")
        >>> audit.verdict.outcome, audit.calibration.threshold
    """

    run: Path
    rounds: int
    crops: int
    data: str
    """Fingerprint of the crops and their cameras; only audits of equal data are comparable."""
    quality: ClusterQuality
    """Sizes of the clusters of the last encoder, by the run's method."""
    score: float | None
    """Label-free score of the encoder, about 0 to 1, higher is better; None for fewer than 40 crops."""
    baseline: str | None
    """What the encoder is compared with: `untrained`, or the name of another run; None where there is nothing."""
    verdict: Verdict | None
    """The encoder compared with the baseline; None without one."""
    health: RoundHealth
    """What the clusters look like, and the alarms of that."""
    stability: float
    """Adjusted Rand index of the clusters of the crops and of other views of them, mean over views; -1 to 1."""
    size_spreads: tuple[float, ...]
    """Coefficient of variation of the cluster sizes (standard deviation over mean) in each training round."""
    random_pairs: tuple[Rarity, ...]
    """How similar random pairs are, which needs no answers."""
    calibration: Calibration | None
    """Threshold and probabilities from answers and tracklets; None without either, and where the answers are on other
    clusters."""
    verification: Verification | None
    """Precision and recall estimated from answers; None without answers."""
    page: Path | None
    """The page of questions, if requested."""

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable values, as written to `audit.json`."""
        return {
            "format": "reseen-audit-2",
            "rounds": self.rounds,
            "crops": self.crops,
            "data": self.data,
            "score": self.score,
            "baseline": self.baseline,
            "verdict": None if self.verdict is None else self.verdict.to_json(),
            "stability": self.stability,
            "health": self.health.to_json(),
            "clusters": self.quality.as_row(),
            "size_spread_by_round": list(self.size_spreads),
            "random_pairs": [asdict(rarity) for rarity in self.random_pairs],
            "calibration": None if self.calibration is None else self.calibration.to_json(),
            "verification": None if self.verification is None else self.verification.to_json(),
        }


def audit_run(
    run: Run | str | Path,
    data: str | Path | ImageTable,
    *,
    baseline: Run | str | Path | None = None,
    views: int = 1,
    answers: Sequence[str | Path] = (),
    verify_page: str | Path | None = None,
    questions: int = 200,
    false_matches: float = FALSE_MATCHES,
    seed: int = 0,
    camera_pattern: str | None = None,
    feature_cache: float = FEATURE_CACHE_GIGABYTES,
    quiet: bool = False,
) -> Audit:
    """Audit the last round of a run on unlabeled crops, and write `audit.json` into its folder.

    No identity is read.

    Args:
        run: the run, or its folder.
        data: a folder of crops, a manifest, shards, or a table.
        baseline: what the run is compared with: another run, its folder, or `untrained`, the weights it started with;
            None for those where the run keeps them.
        views: number of augmented views of every crop to cluster as well, to measure stability; 1 or more.
        answers: files of answers saved from pages of this run; precision, recall and threshold are estimated from
            them.
        verify_page: an HTML file to write with questions for an annotator; answered pairs are not asked again.
        questions: approximate number of questions on the page; 20 or more.
        false_matches: share of the pairs at or above the threshold that may show different people, above 0 and below 1.
        seed: random seed of views and questions.
        camera_pattern: where paths name the camera; None for the run's own pattern, empty for no cameras.
        feature_cache: size limit in gigabytes of the cache of features; 0 for none.
        quiet: hide progress.

    Raises:
        RunError: `run` is not a run folder.
        DataError: data or answers cannot be read, or no answer belongs to this run.
        SettingsError: `views` or `questions` is too small, or `false_matches` is out of range or given without answers.
        TrainingError: the run's method cannot cluster the crops.
        StorageError: a file cannot be written, or another process is auditing this run.

    Example:
        >>> reseen.audit_run("runs/market", "crops", verify_page="questions.html").verdict.outcome
    """
    _check(views, questions, false_matches, answers)
    run = run if isinstance(run, Run) else open_run(run)
    page = None if verify_page is None else check_output(Path(verify_page).expanduser())
    with exclusive_writer(
        run.folder / AUDIT
    ):  # also protects the file of question sheets, which is read and rewritten
        return _audit(
            run,
            load_other_table(run.recipe, data, camera_pattern),
            _baseline(run, baseline),
            answers=read_answers(answers),
            views=views,
            page=page,
            questions=questions,
            false_matches=false_matches,
            seed=seed,
            feature_cache=feature_cache,
            quiet=quiet,
        )


def _audit(
    run: Run,
    table: ImageTable,
    baseline: Side | None,
    *,
    answers: Sequence[Answer],
    views: int,
    page: Path | None,
    questions: int,
    false_matches: float,
    seed: int,
    feature_cache: float,
    quiet: bool,
) -> Audit:
    device = scoring_device(run)
    encoder = run.encoder().to(device)
    crops = open_crops(table, run.reading, encoder.height, encoder.width, progress=not quiet)
    if len(crops) < 2:
        raise DataError(f"{table.root}: an audit needs at least 2 crops, found {len(crops)}")
    recluster = recluster_with_run(run, encoder, crops, device)
    generator = torch.Generator().manual_seed(seed)
    with RunView(0, quiet) as view:
        view.say(*crops.notes)
        cache = open_feature_cache(run, encoder, crops, device, feature_cache)
        features = extract(encoder, crops, device, view.phase("features", len(crops)), cache=cache)
        view.say(*cache_notes(cache, len(crops)))
        labels = recluster(features).labels
        unit_features = _normalized(features)
        agreements = []
        for number in range(1, views + 1):
            progress = view.phase(f"view {number} of {views}: features", len(crops))
            other = other_view(encoder, crops, device, generator, progress)
            agreements.append(clustering_agreement(labels, recluster(other).labels))
        rows = probed_rows(crops, view.phase("near-copies", min(len(crops), MOST_CROPS)))
        plain = run.encoder(whitened=False).to(device)  # verdicts were not checked on whitened vectors
        known = features if encoder.whitening is None else None
        probe = probe_encoder(plain, crops, device, known, rows=rows)
        verdict = None
        if baseline is not None:
            table = crops.table.select(rows)
            verdict = judge(probe_side(baseline, table, view, feature_cache=feature_cache), probe)
        sheet = Sheet.plan(run, crops, unit_features, labels)
        verification = verify(run, sheet, answers) if answers else None
        rarity = random_pair_rarity(unit_features, crops.table)
        current = verification is None or verification.current
        calibration = calibrate_sheet(sheet, answers, false_matches, seed) if current else None
        if page is not None:
            write_sheet(page, run, sheet, answers, questions, seed, view)
    audit = Audit(
        run.folder, run.rounds_done, len(crops), crops.table.fingerprint, cluster_quality(labels),
        probe_score(probe), None if baseline is None else baseline.name, verdict,
        round_health(unit_features, labels, crops.cameras), float(np.mean(agreements)),
        tuple(round(row["size_spread"], 4) for row in run.log if "size_spread" in row), rarity, calibration,
        verification, page,
    )  # fmt: skip
    write_text(run.folder / AUDIT, json.dumps(audit.to_json(), indent=1) + "\n")
    return audit


def other_view(
    encoder: Encoder,
    crops: Crops,
    device: torch.device,
    generator: torch.Generator,
    progress: Progress = no_progress,
) -> Features:
    """Features of an augmented view of every crop: random flip and small shift."""
    return extract(
        encoder, crops, device, progress, transform=lambda images: shift_and_flip(images, VIEW, generator)
    )


def _baseline(run: Run, baseline: Run | str | Path | None) -> Side | None:
    """What the run is compared with; None for a run of an early version, which keeps no starting weights."""
    if baseline is None and not (run.has_start and run.rounds_done):
        return None
    return open_sides(UNTRAINED if baseline is None else baseline, run)[0]


def _normalized(features: Features) -> Features:
    return Features(unit(features.vectors)) if features.raw else features


def _check(views: int, questions: int, false_matches: float, answers: Sequence[str | Path]) -> None:
    if views < 1:
        raise SettingsError(f"views must be at least 1, got {views}; stability compares views")
    if questions < 20:
        raise SettingsError(f"questions must be at least 20, got {questions}; 200 are usual")
    check_false_matches(false_matches)
    if false_matches != FALSE_MATCHES and not answers:
        raise SettingsError("false_matches chooses the threshold, which needs answers; give --answers FILE")

"""The end of a training: compares the encoder with its starting weights, saves its whitening and the camera means."""

from dataclasses import replace

import numpy as np
import torch

from reseen.audit import Probe, Verdict, judge
from reseen.camera_means import CameraMeans
from reseen.data.crops import Crops
from reseen.errors import RunError
from reseen.features.extract import extract
from reseen.features.probe_encoder import MOST_CROPS, probe_encoder, probed_rows
from reseen.geometry import unit
from reseen.models.whitening import Whitening, fit_whitening
from reseen.records import NOISE, Features
from reseen.runs.camera_file import CAMERAS, camera_means_of, rounds_text, write_camera_means
from reseen.runs.checkpoint import CHECKPOINT, labels_in
from reseen.runs.console import RunView
from reseen.runs.device import scoring_device
from reseen.runs.run import Run
from reseen.runs.run_outcome import RunOutcome, read_outcome, write_outcome
from reseen.runs.whitening_file import WHITENING, write_whitening


def conclude(run: Run, crops: Crops, device: torch.device, view: RunView) -> RunOutcome | None:
    """Compare the encoder of a run with its starting weights on the training crops, and write `outcome.json`.

    An existing verdict on the last round is returned without computing it again.

    Returns:
        The outcome; None if the run has no starting weights, because an early version began it.

    Raises:
        RunError: a file of the run is damaged.
        StorageError: the outcome cannot be written.
    """
    done = run.rounds_done
    existing = read_outcome(run.folder)
    if existing is not None and existing.rounds == done and (existing.verdict is not None or not done):
        return existing
    if not run.has_start:
        return None
    stopped = existing.stopped if existing is not None and existing.rounds == done else None
    outcome = RunOutcome(done, stopped, None)
    if done:
        outcome = replace(outcome, verdict=_judge(run, crops, device, view))
    write_outcome(run.folder, outcome)
    return outcome


def _judge(run: Run, crops: Crops, device: torch.device, view: RunView) -> Verdict:
    rows = probed_rows(crops, view.phase("verdict: near-copies", min(len(crops), MOST_CROPS)))

    def probe(name: str, untrained: bool) -> Probe:
        encoder = run.encoder(untrained=untrained, whitened=False).to(device)
        progress = view.phase(f"verdict: {name} features", len(rows))
        return probe_encoder(encoder, crops, device, progress=progress, rows=rows)

    return judge(probe("untrained", True), probe("trained", False))


def save_statistics(run: Run, crops: Crops, view: RunView) -> None:
    """Embed the crops with the encoder of the last round, and write its whitening and the camera means.

    The whitening is fitted to the clusters of the last round, if `train.whiten` is set. Camera means are written if
    cameras are known and used, and features are of unit length. What is there of this round is not made again.

    Raises:
        RunError: a file of the run is damaged.
        StorageError: the run folder cannot be written.
    """
    if run.recipe.model.feature == "raw":
        return
    wanted = run.recipe.train.whiten and bool(run.rounds_done)
    kept = _kept_whitening(run) if wanted else None
    fit = wanted and kept is None
    measure = run.recipe.cameras and crops.cameras is not None and (fit or camera_means_of(run) is None)
    if not (fit or measure):
        return
    device = scoring_device(run)
    encoder = run.encoder(whitened=False).to(device)
    features = extract(encoder, crops, device, view.phase("statistics of the features", len(crops)))
    whitening = _write_whitening(run, crops, features, view) if fit else kept
    if measure and crops.cameras is not None:
        vectors = features.numpy if whitening is None else unit(whitening(features.vectors)).numpy()
        means = CameraMeans.measure(vectors, crops.cameras, crops.table.camera_names, crops.tracklets)
        write_camera_means(run.folder / CAMERAS, means, rounds_text(run))


def _kept_whitening(run: Run) -> Whitening | None:
    """The whitening of the last round; None if there is none, or if it is damaged and has to be made again."""
    try:
        return run.whitening()
    except RunError:
        return None


def _write_whitening(run: Run, crops: Crops, features: Features, view: RunView) -> Whitening | None:
    """Fit the whitening to the clusters of the last round; None if crops do not differ within clusters."""
    pseudo_labels = labels_in(run.folder / CHECKPOINT)
    labels = np.full(len(crops), NOISE) if pseudo_labels is None else pseudo_labels.labels
    whitening = fit_whitening(features.numpy, labels, crops.cameras if run.recipe.cameras else None)
    if whitening is None:
        (run.folder / WHITENING).unlink(missing_ok=True)
        view.say("whitening: left out, since crops do not differ within clusters")
        return None
    write_whitening(run.folder / WHITENING, whitening, f"round {run.rounds_done}")
    clustered = labels[labels != NOISE]
    view.say(f"whitening: fitted to {len(clustered):,} crops of {len(np.unique(clustered)):,} clusters")
    return whitening

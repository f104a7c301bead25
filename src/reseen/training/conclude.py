"""The end of a training: compares the encoder with its starting weights, and saves the camera means."""

from dataclasses import replace

import torch

from reseen.audit import Probe, Verdict, judge
from reseen.camera_means import CameraMeans
from reseen.data.crops import Crops
from reseen.features.extract import extract
from reseen.features.probe_encoder import MOST_CROPS, probe_encoder, probed_rows
from reseen.runs.camera_file import CAMERAS, camera_means_of, rounds_text, write_camera_means
from reseen.runs.console import RunView
from reseen.runs.device import scoring_device
from reseen.runs.run import Run
from reseen.runs.run_outcome import RunOutcome, read_outcome, write_outcome


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
        encoder = run.encoder(untrained=untrained).to(device)
        progress = view.phase(f"verdict: {name} features", len(rows))
        return probe_encoder(encoder, crops, device, progress=progress, rows=rows)

    return judge(probe("untrained", True), probe("trained", False))


def save_camera_means(run: Run, crops: Crops, view: RunView) -> None:
    """Embed the crops with the encoder of the last round, and write the camera means into the run folder.

    Nothing is written if cameras are unknown or disabled, if features are not of unit length, or if the means of this
    round exist.

    Raises:
        StorageError: the run folder cannot be written.
    """
    if not run.recipe.cameras or crops.cameras is None or camera_means_of(run) is not None:
        return
    device = scoring_device(run)
    encoder = run.encoder().to(device)
    if encoder.raw:
        return
    features = extract(encoder, crops, device, view.phase("camera means", len(crops)))
    means = CameraMeans.measure(features.numpy, crops.cameras, crops.table.camera_names, crops.tracklets)
    write_camera_means(run.folder / CAMERAS, means, rounds_text(run))

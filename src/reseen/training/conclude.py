"""The end of a training: its encoder compared with the weights that it started with, and the means of its cameras."""

from dataclasses import replace

import torch

from reseen.audit import Probe, Verdict, judge
from reseen.camera_means import CameraMeans
from reseen.data.crops import Crops
from reseen.features.extract import extract
from reseen.features.probe_encoder import MOST_CROPS, probe_encoder
from reseen.runs.camera_file import CAMERAS, camera_means_of, rounds_text, write_camera_means
from reseen.runs.console import RunView
from reseen.runs.device import scoring_device
from reseen.runs.run import Run
from reseen.runs.run_outcome import RunOutcome, read_outcome, write_outcome


def conclude(run: Run, crops: Crops, device: torch.device, view: RunView) -> RunOutcome | None:
    """Judge the encoder of a run against its starting weights on the crops that it learned from, and write it down.

    A verdict on the last round that is there already is taken as it is. None for a run that keeps no starting weights,
    since an early version began it.

    Raises:
        RunError: a file of the run is damaged.
        StorageError: the outcome cannot be written.
    """
    done = run.rounds_done
    known = read_outcome(run.folder)
    if known is not None and known.rounds == done and (known.verdict is not None or not done):
        return known
    if not run.keeps_start:
        return None
    stopped = known.stopped if known is not None and known.rounds == done else None
    outcome = RunOutcome(done, stopped, None)
    if done:
        outcome = replace(outcome, verdict=_judge(run, crops, device, view))
    write_outcome(run.folder, outcome)
    return outcome


def _judge(run: Run, crops: Crops, device: torch.device, view: RunView) -> Verdict:
    def probe(name: str, untrained: bool) -> Probe:
        progress = view.phase(f"verdict: {name} features", min(len(crops), MOST_CROPS))
        return probe_encoder(run.encoder(untrained=untrained).to(device), crops, device, progress=progress)

    return judge(probe("untrained", True), probe("trained", False))


def keep_camera_means(run: Run, crops: Crops, view: RunView) -> None:
    """Embed the crops by the encoder of the last round, and write the means of their cameras into the run folder.

    Nothing is written where cameras are unknown or switched off, where vectors have lengths of their own, or where
    the means of this round are there.

    Raises:
        StorageError: the run folder cannot be written.
    """
    if not run.recipe.cameras or crops.cameras is None or camera_means_of(run) is not None:
        return
    device = scoring_device(run)
    encoder = run.encoder().to(device)
    if encoder.raw:
        return
    features = extract(encoder, crops, device, view.phase("means of cameras", len(crops)))
    means = CameraMeans.measure(features.numpy, crops.cameras, crops.table.camera_names, crops.tracklets)
    write_camera_means(run.folder / CAMERAS, means, rounds_text(run))

"""The end of a training: what it ended with, compared with the weights that it started with."""

from dataclasses import replace

import torch

from reseen.audit import Probe, Verdict, judge
from reseen.data.crops import Crops
from reseen.features.probe_encoder import MOST_CROPS, probe_encoder
from reseen.runs.console import RunView
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

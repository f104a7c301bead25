"""The training loop, the same for every method: in each round cluster, then train."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Generator, nn
from torch.optim import Optimizer

from reseen.audit import feature_std, probe_score, round_scores, should_stop
from reseen.data.crops import Crops
from reseen.data.views import augment
from reseen.distributed.process_group import SINGLE_PROCESS, ProcessGroup, sharded_and_replicated
from reseen.errors import TrainingError
from reseen.features.extract import estimate_neck_statistics, extract, unwrap
from reseen.features.probe_encoder import probe_encoder
from reseen.geometry import unit
from reseen.methods import AbstractMethod, Round
from reseen.records import UNKNOWN_CAMERA, Batch, BatchSlice, Features, PseudoLabels, to_index_tensor
from reseen.runs.checkpoint import (
    CHECKPOINT,
    START,
    TrainingState,
    drop_previous,
    go_back,
    keep_previous,
    load_checkpoint,
    save_checkpoint,
    save_start,
)
from reseen.runs.cluster_file import write_clusters
from reseen.runs.console import RunView
from reseen.runs.log import PhaseSeconds, RoundRecord, RunLog, describe_round
from reseen.runs.process_memory import kept_memory
from reseen.runs.recipe import Recipe
from reseen.runs.run_outcome import CollapseStop, RunOutcome, drop_outcome, read_outcome, write_outcome
from reseen.training.batch_norm_statistics import match_statistics, update_bn
from reseen.training.frozen import prepare_frozen
from reseen.training.optimizer import learning_rate, set_learning_rate
from reseen.training.watched_round import WatchedRound, begin_watched_round


@dataclass(frozen=True)
class Training:
    """Everything the loop works with. No identity is within its reach."""

    recipe: Recipe
    fabric: Fabric
    encoder: nn.Module
    optimizer: Optimizer
    method: AbstractMethod
    crops: Crops
    generator: Generator
    folder: Path
    notes: tuple[str, ...] = ()
    """What a person should know before it starts."""
    start: Mapping[str, Any] | None = None
    """What is known of the run that the encoder started from."""
    ranks: ProcessGroup = SINGLE_PROCESS
    """The processes that train it together."""


def run_loop(
    training: Training, view: RunView, resume: bool, on_clusters: Callable[[int, PseudoLabels], None]
) -> None:
    """Train from the start or from the last whole round; a checkpoint after every round.

    `on_clusters` is called with the round's number and pseudo labels before each checkpoint. A round that would make
    the encoder worse by any settings ends the training, and the run is as after the last good round.

    Raises:
        TrainingError: no clusters can be found, or the loss is not a number.
        StorageError: the disk is full; the last whole round is kept.
    """
    settings, device = training.recipe.train, training.fabric.device
    state = TrainingState(training.encoder, training.optimizer, training.generator, training.method)
    checkpoint = training.folder / CHECKPOINT
    ranks = training.ranks
    rounds = settings.rounds
    done, before = load_checkpoint(checkpoint, state) if resume else (0, None)
    encoders = [training.encoder, *training.method.encoders()]
    kept = prepare_frozen(encoders, training.crops, training.recipe, ranks)
    if resume:
        view.resumed(done)
        rounds = done if ranks.run_on_main(partial(_has_stopped, training.folder, done)) else rounds
    else:
        model = training.recipe.model
        if model.match_statistics and (model.weights != "none" or model.start is not None):
            match_statistics(training.encoder, training.crops, device)
        progress = view.phase("settling the neck", len(training.crops))
        estimate_neck_statistics(training.encoder, training.crops, device, progress, ranks)
        training.method.begin()
        if ranks.is_main:
            drop_outcome(training.folder)
            save_start(training.folder / START, training.encoder)
            save_checkpoint(checkpoint, state, done, before)
    log = RunLog(training.folder, done, settings.tensorboard) if ranks.is_main else None
    for number in range(done + 1, rounds + 1):
        if settings.patience is not None and ranks.run_on_main(
            partial(_no_longer_better, log, settings.patience)
        ):
            view.stopped_early(f"no higher audit score in {settings.patience} rounds: training ends here")
            break
        began = time.perf_counter()
        progress = view.phase(f"round {number}: features", len(training.crops))
        extractor = training.method.extractor()
        ranks.sync_module_states(training.encoder, extractor)
        ranks.sync_rng()
        features = extract(
            extractor,
            training.crops,
            device,
            progress,
            mirrored=settings.mirrored_features,
            ranks=ranks,
            kept=kept,
        )
        score = ranks.run_on_main(partial(_score, training, extractor, features))
        extracted = time.perf_counter()
        watched = begin_watched_round(
            training.method, features, before, settings.iterations, ranks, settings.on_collapse == "retry"
        )
        plan = watched.plan
        if watched.is_collapsed:
            ranks.run_on_main(partial(_stop, training.folder, number, watched.notes, view))
            break
        clustered = time.perf_counter()
        with kept_memory():
            losses, images = train_round(training, plan, number, view)
        _renew(training, number, view)
        trained = time.perf_counter()
        ranks.check_rng_in_sync(training.generator)
        if log is not None:  # the first process writes for all
            seconds = PhaseSeconds(extracted - began, clustered - extracted, trained - clustered)
            record = _describe(training, number, features, watched, score, (losses, images), seconds)
            write_clusters(training.folder, training.crops.table, plan.clustering.labels, number)
            on_clusters(number, plan.clustering.labels)
            # before the checkpoint: a row too many is dropped on resuming, one too few is lost
            log.write(record)
            keep_previous(training.folder)
            save_checkpoint(checkpoint, state, number, plan.clustering.labels)
            view.round_done(record)
        before = plan.clustering.labels
        ranks.barrier()  # what is written is whole before anyone goes on
    if log is not None:
        log.close()
        drop_previous(training.folder)


def _score(training: Training, extractor: nn.Module, features: Features) -> float | None:
    """The label-free score of the encoder that the round begins with."""
    found = probe_encoder(extractor, training.crops, training.fabric.device, features)
    return probe_score(found)


def _has_stopped(folder: Path, done: int) -> bool:
    """Whether the training was ended after these rounds, since the next would have made the encoder worse."""
    outcome = read_outcome(folder)
    return outcome is not None and outcome.stopped is not None and outcome.stopped.kept == done


def _stop(folder: Path, number: int, notes: tuple[str, ...], view: RunView) -> None:
    """Go back from a round that collapsed to the last good one, and write down why."""
    kept = go_back(folder)
    stop = CollapseStop(number, kept, notes)
    write_outcome(folder, RunOutcome(kept, stop, None))
    view.say(*(f"round {number}: {note}" for note in notes))
    view.stopped_early(str(stop))


def _renew(training: Training, number: int, view: RunView) -> None:
    """Statistics of plain crops for all encoders that features come from, where the recipe wants them."""
    for encoder in training.method.encoders() if training.recipe.train.renew_statistics else []:
        progress = view.phase(f"round {number}: statistics", len(training.crops))
        update_bn(encoder, training.crops, training.fabric.device, progress, training.ranks)


def _no_longer_better(log: RunLog | None, patience: int) -> bool:
    """Asked of the first process alone, which has the log."""
    return log is not None and should_stop(round_scores(log.rows), patience)


def _describe(
    training: Training,
    number: int,
    features: Features,
    watched: WatchedRound,
    score: float | None,
    trained: tuple[dict[str, float], int],
    seconds: PhaseSeconds,
) -> RoundRecord:
    """The line of the log; `trained` are losses and number of images."""
    settings, directions = training.recipe.train, Features(unit(features.vectors))
    rate = learning_rate(settings, number * settings.iterations - 1)
    apart = feature_std(directions.vectors)
    return describe_round(
        number,
        watched.plan.clustering,
        spread=apart,
        health=watched.health,
        score=score,
        losses=trained[0],
        rate=rate,
        images=trained[1],
        seconds=seconds,
        processes=training.ranks.size,
        warnings=watched.notes,
    )


def train_round(training: Training, plan: Round, number: int, view: RunView) -> tuple[dict[str, float], int]:
    """One round of batches; returns the mean of each loss term and the number of images seen."""
    settings = training.recipe.train
    labels = to_index_tensor(plan.clustering.labels.labels)
    progress = view.phase(f"round {number}: training", settings.iterations)
    totals: dict[str, torch.Tensor] = {}
    images = 0
    trunk, others = sharded_and_replicated(unwrap(training.encoder), training.method.networks())
    training.encoder.train()
    for index, rows in enumerate(plan.batches):
        step = (number - 1) * settings.iterations + index
        set_learning_rate(training.optimizer, learning_rate(settings, step))
        with training.ranks.share.batch(len(rows) * training.method.views) as own:
            result = training.method.losses(make_batch(training, rows, labels, own))
            training.fabric.backward(result.loss)
            training.ranks.share.sync_gradients(trunk, others)
        training.optimizer.step()
        training.optimizer.zero_grad(set_to_none=True)
        training.method.after_step(result)
        for name, value in result.terms.items():  # summed on the device: reading a value would stall it
            totals[name] = totals.get(name, torch.zeros_like(value)) + value.detach()
        images += len(rows)
        progress(1)
    means = {name: float(total) / settings.iterations for name, total in totals.items()}
    _check_finite(training, means, number)
    return means, images


def _check_finite(training: Training, losses: dict[str, float], number: int) -> None:
    """Losses and weights, since the last step of a round can break weights that no loss has seen yet."""
    broken = [
        f"the loss '{name}' became {value}" for name, value in losses.items() if not math.isfinite(value)
    ]
    values = {
        name: value for name, value in training.encoder.state_dict().items() if value.is_floating_point()
    }
    finite = torch.stack([torch.isfinite(value).all() for value in values.values()]).tolist()  # read at once
    broken += [
        f"the weights '{name}' became not a number"
        for name, is_finite in zip(values, finite, strict=True)
        if not is_finite
    ]
    if broken:
        raise TrainingError(
            f"round {number}: {broken[0]}; the run keeps its state of round {number - 1}; "
            "lower train.learning_rate, or set train.precision to 32"
        )


def make_batch(
    training: Training, rows: torch.Tensor, labels: torch.Tensor, own: slice | None = None
) -> Batch:
    """Augmented crops with their pseudo labels, on the training device; `images` of the `own` part alone."""
    encoder, device = unwrap(training.encoder), training.fabric.device
    count = training.method.views
    rows = rows.repeat(count)
    part = BatchSlice.whole(len(rows)) if own is None else BatchSlice(len(rows), own)
    pixels = training.crops.images(rows[part.span]).to(device, non_blocking=True)
    views = augment(
        pixels, training.recipe.augmentation, encoder.mean, encoder.std, training.generator, count, part
    )
    cameras = training.crops.cameras
    known = torch.full_like(rows, UNKNOWN_CAMERA) if cameras is None else to_index_tensor(cameras)[rows]
    return Batch(views, rows.to(device), labels[rows].to(device), known.to(device))

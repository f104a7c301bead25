"""The training loop, the same for every method: each round extracts features, clusters, trains and saves."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Generator, nn
from torch.optim import Optimizer

from reseen.audit import feature_std, round_scores, should_stop
from reseen.data.crops import Crops
from reseen.data.views import augment
from reseen.distributed.process_group import SINGLE_PROCESS, ProcessGroup, sharded_and_replicated
from reseen.features.extract import estimate_neck_statistics, extract, unwrap
from reseen.geometry import unit
from reseen.methods import AbstractMethod, Round, Step
from reseen.records import UNKNOWN_CAMERA, Batch, BatchSlice, Features, PseudoLabels, to_index_tensor
from reseen.runs.camera_file import CAMERAS
from reseen.runs.checkpoint import (
    CHECKPOINT,
    START,
    TrainingState,
    drop_previous,
    keep_previous,
    load_checkpoint,
    restore_previous,
    save_checkpoint,
    save_start,
)
from reseen.runs.cluster_file import write_clusters
from reseen.runs.console import RunView
from reseen.runs.log import PhaseSeconds, RoundRecord, RunLog, describe_round
from reseen.runs.process_memory import kept_memory
from reseen.runs.recipe import Recipe
from reseen.runs.run_outcome import CollapseStop, RunOutcome, drop_outcome, read_outcome, write_outcome
from reseen.runs.whitening_file import WHITENING
from reseen.training.batch_norm_statistics import match_statistics, update_bn
from reseen.training.finite import check_finite
from reseen.training.frozen import prepare_frozen
from reseen.training.kept_views import NO_PLACE, KeptViews
from reseen.training.optimizer import learning_rate, set_learning_rate
from reseen.training.round_score import RoundScore
from reseen.training.watched_round import WatchedRound, begin_watched_round


@dataclass(frozen=True)
class Training:
    """Everything that the training loop uses. It contains no identities."""

    recipe: Recipe
    fabric: Fabric
    encoder: nn.Module
    optimizer: Optimizer
    method: AbstractMethod
    crops: Crops
    generator: Generator
    folder: Path
    notes: tuple[str, ...] = ()
    """Messages to print before training."""
    start: Mapping[str, Any] | None = None
    """Facts about the run that the encoder was warm-started from; None if there is none."""
    ranks: ProcessGroup = SINGLE_PROCESS
    """The processes that train together."""
    kept_views: KeptViews | None = None
    """Kept outputs of the frozen stages that batches draw from; None if every batch augments anew."""


def run_loop(
    training: Training, view: RunView, resume: bool, on_clusters: Callable[[int, PseudoLabels], None]
) -> None:
    """Train all rounds, and save a checkpoint after each.

    Training ends early without a higher audit score in `train.patience` rounds, or if a round's clusters would make the
    encoder worse with every stricter setting; the run then is that of the last good round.

    Args:
        training: encoder, method, crops and optimizer, as `set_up` returns them.
        view: shows progress.
        resume: continue from the checkpoint in the run folder.
        on_clusters: called in the main process before each checkpoint, with the round's number and pseudo-labels.

    Raises:
        TrainingError: no clusters can be found, or a loss or weight is not finite.
        StorageError: the disk is full; the last complete round is kept.
    """
    settings, device = training.recipe.train, training.fabric.device
    state = TrainingState(training.encoder, training.optimizer, training.generator, training.method)
    checkpoint = training.folder / CHECKPOINT
    ranks = training.ranks
    rounds = settings.rounds
    done, before = load_checkpoint(checkpoint, state) if resume else (0, None)
    encoders = [training.encoder, *training.method.encoders()]
    frozen_maps = prepare_frozen(encoders, training.crops, training.recipe, ranks)
    if resume:
        view.resumed(done)
        rounds = done if ranks.run_on_main(partial(_has_stopped, training.folder, done)) else rounds
    else:
        model = training.recipe.model
        if model.match_statistics and (model.weights != "none" or model.start is not None):
            match_statistics(training.encoder, training.crops, device)
        progress = view.phase("BNNeck statistics", len(training.crops))
        estimate_neck_statistics(training.encoder, training.crops, device, progress, ranks)
        training.method.begin_training()
        if ranks.is_main:
            drop_outcome(training.folder)
            for name in (WHITENING, CAMERAS):  # of an earlier training
                (training.folder / name).unlink(missing_ok=True)
            save_start(training.folder / START, training.encoder)
            save_checkpoint(checkpoint, state, done, before)
    training = replace(training, kept_views=KeptViews.of_recipe(training.recipe, len(training.crops)))
    score_of = RoundScore(training.crops, device)
    log = RunLog(training.folder, done, settings.tensorboard) if ranks.is_main else None
    for number in range(done + 1, rounds + 1):
        if settings.patience is not None and ranks.run_on_main(
            partial(_is_patience_exhausted, log, settings.patience)
        ):
            view.stopped_early(f"no higher audit score in {settings.patience} rounds: training ends early")
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
            kept=frozen_maps,
        )
        score = ranks.run_on_main(partial(score_of, extractor, features))
        extracted = time.perf_counter()
        watched = begin_watched_round(
            training.method, features, before, settings.iterations, ranks, settings.on_collapse == "retry"
        )
        plan = watched.plan
        if watched.is_collapsed:
            ranks.run_on_main(partial(_roll_back, training.folder, number, watched.notes, view))
            break
        clustered = time.perf_counter()
        with kept_memory():
            training = _with_views(training, number, view)
            losses, images = train_round(training, plan, number, view)
        _renew_statistics(training, number, view)
        trained = time.perf_counter()
        ranks.check_rng_in_sync(training.generator)
        if log is not None:  # only the main process writes
            seconds = PhaseSeconds(extracted - began, clustered - extracted, trained - clustered)
            record = _describe(training, number, features, watched, score, (losses, images), seconds)
            write_clusters(training.folder, training.crops.table, plan.clustering.labels, number)
            on_clusters(number, plan.clustering.labels)
            # log before checkpoint: an extra row is dropped when the run is resumed, a missing one would be lost
            log.write(record)
            keep_previous(training.folder)
            save_checkpoint(checkpoint, state, number, plan.clustering.labels)
            view.round_done(record)
        before = plan.clustering.labels
        ranks.barrier()  # no process continues before all files are written
    if log is not None:
        log.close()
        drop_previous(training.folder)


def _has_stopped(folder: Path, done: int) -> bool:
    """Whether training ended after these rounds because the next one collapsed."""
    outcome = read_outcome(folder)
    return outcome is not None and outcome.stopped is not None and outcome.stopped.kept == done


def _roll_back(folder: Path, number: int, notes: tuple[str, ...], view: RunView) -> None:
    """Restore the last good checkpoint after a round that collapsed, and write the reason to `outcome.json`."""
    kept = restore_previous(folder)
    stop = CollapseStop(number, kept, notes)
    write_outcome(folder, RunOutcome(kept, stop, None))
    view.say(*(f"round {number}: {note}" for note in notes))
    view.stopped_early(str(stop))


def _renew_statistics(training: Training, number: int, view: RunView) -> None:
    """Re-estimate the batch norm statistics of all encoders on plain crops, if `train.renew_statistics` is set."""
    for encoder in training.method.encoders() if training.recipe.train.renew_statistics else []:
        progress = view.phase(f"round {number}: batch norm statistics", len(training.crops))
        update_bn(encoder, training.crops, training.fabric.device, progress, training.ranks)


def _with_views(training: Training, number: int, view: RunView) -> Training:
    """The training with the kept views of this round if it keeps any; says in a note if these do not fit."""
    kept, device = training.kept_views, training.fabric.device
    if kept is None or kept.begin_round(number, training.encoder, training.crops, device, view.phase):
        return training
    view.say(NO_PLACE)
    return replace(training, kept_views=None)


def _is_patience_exhausted(log: RunLog | None, patience: int) -> bool:
    """Whether early stopping applies; only the main process has the log."""
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
    """The log record of a round; `trained` holds the mean losses and the number of images."""
    settings, directions = training.recipe.train, Features(unit(features.vectors))
    rate = learning_rate(settings, number * settings.iterations - 1)
    return describe_round(
        number,
        watched.plan.clustering,
        spread=feature_std(directions.vectors),
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
    """Train the batches of one round; returns the mean of each loss term, and the number of images without views.

    Raises:
        TrainingError: a loss or weight is not finite.
    """
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
            result = _losses(training, rows, labels, own)
            training.fabric.backward(result.loss)
            training.ranks.share.sync_gradients(trunk, others)
        training.optimizer.step()
        training.optimizer.zero_grad(set_to_none=True)
        training.method.after_step(result)
        for name, value in result.terms.items():  # summed on the device: reading a value would synchronize
            totals[name] = totals.get(name, torch.zeros_like(value)) + value.detach()
        images += len(rows)
        progress(1)
    means = {name: float(total) / settings.iterations for name, total in totals.items()}
    check_finite(training.encoder, means, number)
    return means, images


def make_batch(
    training: Training, rows: torch.Tensor, labels: torch.Tensor, own: slice | None = None
) -> Batch:
    """Augment crops and add their pseudo-labels and cameras, on the training device.

    Args:
        training: crops, augmentation, generator and device.
        rows: training rows of the batch, without views.
        labels: pseudo-label of every training row.
        own: this process's part of the batch with all views, whose `images` are made; None for the whole batch.
    """
    encoder, count = unwrap(training.encoder), training.method.views
    rows = rows.repeat(count)
    part = BatchSlice.whole(len(rows)) if own is None else BatchSlice(len(rows), own)
    pixels = training.crops.images(rows[part.span]).to(training.fabric.device, non_blocking=True)
    views = augment(
        pixels, training.recipe.augmentation, encoder.mean, encoder.std, training.generator, count, part
    )
    return _batch(training, rows, labels, views)


def _batch(training: Training, rows: torch.Tensor, labels: torch.Tensor, images: torch.Tensor) -> Batch:
    cameras, device = training.crops.cameras, training.fabric.device
    known = torch.full_like(rows, UNKNOWN_CAMERA) if cameras is None else to_index_tensor(cameras)[rows]
    return Batch(images, rows.to(device), labels[rows].to(device), known.to(device))


def _losses(training: Training, rows: torch.Tensor, labels: torch.Tensor, own: slice) -> Step:
    """The losses of a batch of fresh views, or of kept ones, whose images are blank: encoders go on from the output."""
    if training.kept_views is None:
        return training.method.losses(make_batch(training, rows, labels, own))
    encoders, device = [training.encoder, *training.method.encoders()], training.fabric.device
    with training.kept_views.given(rows, encoders, device, training.generator) as blank:
        return training.method.losses(_batch(training, rows, labels, blank))

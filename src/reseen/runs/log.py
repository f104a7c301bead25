"""The log of a run: one JSON line per round, and optional TensorBoard events."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from reseen.audit import RoundHealth
from reseen.cluster import Clustering, cluster_quality
from reseen.errors import SettingsError
from reseen.files import open_journal, storage_error, write_text
from reseen.reading import parse_json, read_regular

LOG = "log.jsonl"

_MOST_ROUNDS = 10**9
_COLLAPSED = 0.3
"""A feature spread below this adds a warning."""


@dataclass(frozen=True)
class RoundRecord:
    """Measurements of a round. No identities are used."""

    round: int
    """Counted from 1."""
    losses: dict[str, float]
    """Mean of each loss term over the round's batches."""
    loss: float
    """Sum of the means."""
    clusters: int
    noise_share: float
    """Fraction of the images that are outliers, 0 to 1."""
    smallest: int
    median_size: float
    largest: int
    """Number of images in the smallest, median and largest cluster."""
    largest_share: float
    """Fraction of the clustered images in the largest cluster, 0 to 1."""
    feature_spread: float
    """Spread of the feature directions: 1 if uniform on the sphere, 0 if collapsed (see `reseen.audit.feature_std`)."""
    size_spread: float
    """Standard deviation of cluster sizes divided by their mean."""
    compactness: float
    """Mean silhouette by cosine distance, counting outliers as 0; -1 to 1."""
    camera_mixing: float | None
    """Entropy of the cameras within clusters over that of random clusters, 0 to 1; None if cameras are unknown."""
    agreement: float | None
    """Adjusted Rand index with the clusters of the previous round, 1 if equal; None in the first round."""
    half_agreement: float | None
    """Overlap of the nearest neighbors by two halves of the dimensions, 0 for chance and 1 for all; None with few
    images."""
    audit_score: float | None
    """Label-free score of the encoder at the beginning of the round, about 0 to 1 (see `reseen.audit.signals`)."""
    eps: float | None
    """Radius of DBSCAN, a Jaccard distance, 0 to 1; None for other clusterings."""
    learning_rate: float
    """Learning rate of the last batch."""
    images_per_second: float
    """Training images per second of the training phase."""
    seconds: float
    """Duration of the round."""
    extract_seconds: float
    cluster_seconds: float
    train_seconds: float
    processes: int = 1
    """Number of processes that trained together."""
    notes: tuple[str, ...] = ()
    """Messages of the clustering, and warnings."""

    def summary(self) -> str:
        """One line for a plain terminal or a log file."""
        return (
            f"round {self.round}: loss {self.loss:.3f}, {self.clusters} clusters, {self.noise_share:.0%} noise, "
            f"largest {self.largest}, {self.images_per_second:.0f} images/s, {self.seconds:.0f} s"
        )


_NUMBERS = [field.name for field in fields(RoundRecord) if field.name not in ("round", "losses", "notes")]


@dataclass(frozen=True)
class PhaseSeconds:
    """Duration of the phases of a round, in seconds."""

    extraction: float
    clustering: float
    training: float


def describe_round(
    number: int,
    clustering: Clustering,
    *,
    spread: float,
    health: RoundHealth,
    score: float | None,
    losses: dict[str, float],
    rate: float,
    images: int,
    seconds: PhaseSeconds,
    processes: int = 1,
    warnings: tuple[str, ...] = (),
) -> RoundRecord:
    """Build the record of a round.

    Args:
        number: the round, from 1.
        clustering: the clusters that were trained on.
        spread: `feature_std` of the features.
        health: measures of the clusters.
        score: label-free score of the encoder.
        losses: mean of each loss term.
        rate: learning rate of the last batch.
        images: number of training images.
        seconds: duration of the phases.
        processes: number of processes that trained together.
        warnings: further notes.
    """
    quality = cluster_quality(clustering.labels)
    return RoundRecord(
        round=number,
        losses=losses,
        loss=sum(losses.values()),
        clusters=quality.clusters,
        noise_share=quality.noise_share,
        smallest=quality.smallest,
        median_size=quality.median_size,
        largest=quality.largest,
        largest_share=quality.largest_share,
        feature_spread=spread,
        size_spread=quality.size_spread,
        compactness=health.compactness,
        camera_mixing=health.camera_mixing,
        agreement=health.agreement,
        half_agreement=health.half_agreement,
        audit_score=score,
        eps=clustering.eps,
        learning_rate=rate,
        images_per_second=images / max(seconds.training, 1e-9),
        seconds=seconds.extraction + seconds.clustering + seconds.training,
        extract_seconds=seconds.extraction,
        cluster_seconds=seconds.clustering,
        train_seconds=seconds.training,
        processes=processes,
        notes=(*clustering.notes, *_collapse(spread), *warnings),
    )


def _collapse(spread: float) -> tuple[str, ...]:
    if spread >= _COLLAPSED:
        return ()
    return (
        f"features are collapsing: their spread is {spread:.2f}, where 1 is uniform and 0 is fully collapsed; lower "
        "train.learning_rate, or check the weights of the losses",
    )


class RunLog:
    """The log of a run folder."""

    def __init__(self, folder: Path, rounds_done: int, tensorboard: bool) -> None:
        """Open the log; of an earlier one, only the first `rounds_done` rounds are kept, as the others are repeated.

        Raises:
            SettingsError: TensorBoard is not installed.
            StorageError: the log cannot be written.
        """
        self._path = folder / LOG
        self.rows = [row for row in read_log(folder) if row["round"] <= rounds_done]
        write_text(self._path, "".join(json.dumps(row) + "\n" for row in self.rows))
        self._writer = _tensorboard_writer(folder, rounds_done) if tensorboard else None

    def write(self, record: RoundRecord) -> None:
        """Append the record of a round.

        Raises:
            StorageError: the log cannot be written.
        """
        self.rows.append(asdict(record))
        try:
            with open_journal(self._path) as file:
                file.write((json.dumps(asdict(record)) + "\n").encode())
        except OSError as error:
            raise storage_error(self._path, error) from None
        if self._writer is not None:
            for name, value in _scalars(record):
                self._writer.add_scalar(name, value, record.round)

    def close(self) -> None:
        """Close the TensorBoard file."""
        if self._writer is not None:
            self._writer.close()


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The rounds in the log of a run; damaged lines, such as one truncated by a crash, are skipped."""
    path = folder / LOG
    rows = []
    try:
        lines = read_regular(path).splitlines() if path.is_file() else []
    except (OSError, ValueError):
        lines = []
    for line in lines:
        try:
            row = parse_json(line)
        except ValueError:
            continue
        if isinstance(row, dict) and _fits(row):
            rows.append(row)
    return rows


def _fits(row: dict[str, Any]) -> bool:
    """Whether the values of a line have the types of `RoundRecord`; values may be missing, as in early logs."""
    number = row.get("round")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < _MOST_ROUNDS:
        return False
    if not all(isinstance(row.get(name, 0), int | float | None) for name in _NUMBERS):
        return False
    losses, notes = row.get("losses", {}), row.get("notes", [])
    return (
        isinstance(losses, dict)
        and all(isinstance(value, int | float) for value in losses.values())
        and isinstance(notes, list)
        and all(isinstance(note, str) for note in notes)
    )


def _scalars(record: RoundRecord) -> Iterable[tuple[str, float]]:
    yield from ((f"loss/{name}", value) for name, value in record.losses.items())
    for name in (
        "clusters",
        "noise_share",
        "largest_share",
        "size_spread",
        "feature_spread",
        "compactness",
        "camera_mixing",
        "agreement",
        "half_agreement",
        "audit_score",
        "eps",
        "learning_rate",
        "images_per_second",
    ):
        value = getattr(record, name)
        if value is not None:
            yield f"round/{name}", float(value)


def _tensorboard_writer(folder: Path, rounds_done: int) -> Any:
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        raise SettingsError(
            "train.tensorboard: TensorBoard is not installed; pip install 'reseen[tensorboard]'"
        ) from None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=rounds_done + 1)

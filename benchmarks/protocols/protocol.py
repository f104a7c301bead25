"""What a protocol is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reseen import ImageTable
from reseen.tasks.evaluation.score import Benchmark


def override(flags: tuple[str, ...], *others: str) -> tuple[str, ...]:
    """Pairs of flag and value, where those of `others` take the place of earlier ones of the same name."""
    values = dict(zip(flags[::2], flags[1::2], strict=True)) | dict(
        zip(others[::2], others[1::2], strict=True)
    )
    return tuple(token for pair in values.items() for token in pair)


@dataclass(frozen=True)
class Arm:
    """A variant of the protocol's recipe."""

    name: str
    text: str
    flags: tuple[str, ...] = ()
    recipe: Path | None = None
    """Where the arm has a recipe of its own."""
    true_clusters: bool = False
    """Train on the people of the pool instead of clusters: not a result but a ceiling for all others."""


@dataclass(frozen=True)
class Protocol:
    """A data selection, a recipe and its arms."""

    name: str
    recipe: Path
    training: Callable[[Path], ImageTable]
    """From the data folder to the unlabelled pool."""
    benchmark: Callable[[Path], Benchmark]
    """From the data folder to query and gallery."""
    arms: tuple[Arm, ...]

    def arm(self, name: str) -> Arm:
        """An arm by name."""
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise SystemExit(
            f"{self.name} has no arm '{name}'; it has {', '.join(arm.name for arm in self.arms)}"
        )

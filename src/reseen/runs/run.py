"""The run folder: recipe, facts, log and checkpoint."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field

from reseen.config import read_yaml
from reseen.data.pixel_cache import cache_folder, is_accessible
from reseen.data.settings import DataSettings
from reseen.errors import RunError, SettingsError
from reseen.files import make_folder, write_text
from reseen.locks import LOCK, exclusive_lock
from reseen.models import Encoder
from reseen.models.encoder import Part
from reseen.models.whitening import Whitening
from reseen.reading import read_json, validate_as
from reseen.runs.checkpoint import (
    CHECKPOINT,
    START,
    TRAINED_PREFIX,
    load_encoder_state,
    read_checkpoint,
    rounds_in,
)
from reseen.runs.log import read_log
from reseen.runs.recipe import Recipe
from reseen.runs.whitening_file import WHITENING, read_whitening

RECIPE = "recipe.yaml"
FACTS = "run.json"


class _Facts(BaseModel):
    """Schema of `run.json`; more keys are allowed."""

    model_config = ConfigDict(extra="allow")

    cameras: int = Field(ge=0, lt=2**31)
    command: str
    data: str
    device: str
    encoder: list[str]
    hardware: dict[str, str | int | float | None]
    height: int = Field(ge=1, le=4096)
    width: int = Field(ge=1, le=4096)
    unreadable: list[str]
    versions: dict[str, str]
    images: int = Field(default=0, ge=0, lt=2**62)
    parameters: int = Field(default=0, ge=0, lt=2**62)
    root: str | None = Field(default=None, pattern=r"^[^\x00]*$")
    start: dict[str, str | int] | None = None


@dataclass(frozen=True)
class Run:
    """A run folder written by `train`, of a finished or an interrupted training.

    Example:
        >>> run = reseen.open_run("runs/mine")
        >>> run.rounds_done, run.log[-1]
    """

    folder: Path
    recipe: Recipe
    facts: dict[str, Any]
    """Versions, hardware, command, data fingerprint, input size, notes."""

    @property
    def rounds_done(self) -> int:
        """Number of complete rounds in the checkpoint.

        Raises:
            RunError: the checkpoint is missing or damaged.
        """
        return rounds_in(self.folder / CHECKPOINT)

    @property
    def log(self) -> list[dict[str, Any]]:
        """One mapping per complete round, with the fields of `RoundRecord`."""
        done = self.rounds_done
        return [row for row in read_log(self.folder) if row["round"] <= done]

    @property
    def summary(self) -> dict[str, Any]:
        """What identifies the run in a report of its scores: method, seed, cameras, settings, command, data."""
        return {
            "method": self.recipe.method.name,
            "seed": self.recipe.seed,
            "cameras": self.facts["cameras"] if self.recipe.cameras else 0,
            "rounds": self.rounds_done,
            "start": self.facts.get("start"),
            "data": self.facts["data"],
            "command": self.facts["command"],
            "recipe": self.recipe.model_dump(mode="json"),
        }

    @property
    def reading(self) -> DataSettings:
        """Settings for reading crops with this run, whose recipe may come from somebody else.

        `cache_dir` is used only if that folder exists; it is never created.
        """
        settings = self.recipe.data
        folder = settings.cache_dir
        if folder is None or is_accessible(cache_folder(folder)):
            return settings
        return settings.model_copy(update={"cache_dir": None})

    @property
    def has_start(self) -> bool:
        """Whether the folder contains the starting weights; early versions did not save them."""
        return (self.folder / START).is_file()

    def check_start(self) -> None:
        """Check that the folder contains the starting weights.

        Raises:
            RunError: it does not, because an early version wrote it.
        """
        if not self.has_start:
            raise RunError(
                f"{self.folder}: {START} is missing, the starting weights, which early versions did not save; "
                "train again to compare with them"
            )

    def encoder(
        self,
        student: bool = False,
        part: Part | None = None,
        untrained: bool = False,
        whitened: bool = True,
    ) -> Encoder:
        """Load the encoder after the last complete round, in evaluation mode on the CPU.

        Args:
            student: the trained network, where the method evaluates its momentum teacher.
            part: which features a model with patches returns; None for `model.patches.feature`.
            untrained: the encoder before the first step, with BNNeck statistics estimated on the training crops.
            whitened: whether embeddings are whitened, if the run ended with `train.whiten`; never those of the student
                or of the untrained encoder.

        Raises:
            RunError: weights or whitening are missing or damaged, or belong to another model.
            SettingsError: `part` is given, but the model has no patches.
        """
        if untrained:
            self.check_start()
        patches = self.recipe.model.patches
        if part is not None and patches is None:
            raise SettingsError(
                f"part '{part}': the model of this run ({self.recipe.method.name}) has no patches; leave the part out"
            )
        path = self.folder / (START if untrained else CHECKPOINT)
        tensors, metadata = read_checkpoint(path)
        # all weights come from the checkpoint; the pretrained weights may no longer be available
        model = self.recipe.model.model_copy(update={"weights": "none"})
        embedded = "both" if patches is None else part or patches.feature
        encoder = Encoder(model, self.facts["height"], self.facts["width"], part=embedded)
        prefix = TRAINED_PREFIX if student else metadata.get("scored", TRAINED_PREFIX)
        load_encoder_state(path, encoder, tensors, prefix)
        if whitened and not (student or untrained):
            encoder.whitening = self.whitening()
        encoder.eval()
        return encoder.to(memory_format=torch.channels_last)

    def whitening(self) -> Whitening | None:
        """The whitening that training ended with, fitted after the last complete round; None if there is none.

        Raises:
            RunError: its file is damaged.
        """
        return read_whitening(self.folder / WHITENING, f"round {self.rounds_done}")


@contextmanager
def hold_run(folder: Path) -> Iterator[None]:
    """Create the run folder if it does not exist, and lock it for training during the block.

    Raises:
        RunError: another process trains into it.
        StorageError: the folder cannot be written.
    """

    def busy(process: str) -> RunError:
        return RunError(
            f"{folder}: another process (ID {process}) is training into this folder; wait for it, stop it, or "
            "choose another folder"
        )

    with exclusive_lock(make_folder(folder) / LOCK, busy):
        yield


def write_run(folder: Path, recipe: Recipe, facts: dict[str, Any]) -> Run:
    """Write recipe and facts into a run folder.

    Raises:
        StorageError: the folder cannot be written.
    """
    write_text(folder / RECIPE, recipe.to_yaml())
    write_text(folder / FACTS, json.dumps(facts, indent=1) + "\n")
    return Run(folder, recipe, facts)


def open_run(folder: str | Path) -> Run:
    """Open a run folder.

    Raises:
        RunError: it does not exist, is not a run folder, or is damaged.

    Example:
        >>> encoder = reseen.open_run("runs/mine").encoder()
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise RunError(f"{folder}: no such run folder")
    missing = [name for name in (RECIPE, FACTS, CHECKPOINT) if not (folder / name).is_file()]
    if missing:
        raise RunError(f"{folder}: not a run of `reseen train`, it lacks {', '.join(missing)}")
    try:
        facts = validate_as(_Facts, read_json(folder / FACTS)).model_dump(exclude_unset=True)
    except (OSError, ValueError) as error:
        raise RunError(
            f"{folder / FACTS}: damaged ({error}); restore it from a copy, or train into a new folder"
        ) from None
    return Run(folder, Recipe.parse(read_yaml(folder / RECIPE), str(folder / RECIPE)), facts)

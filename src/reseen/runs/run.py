"""The run folder: its recipe, where it was made, its log and its checkpoint."""

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
from reseen.reading import read_json, validate_as
from reseen.runs.checkpoint import CHECKPOINT, LEARNING, START, load_encoder_state, read_checkpoint, rounds_in
from reseen.runs.log import read_log
from reseen.runs.recipe import Recipe

RECIPE = "recipe.yaml"
FACTS = "run.json"


class _Facts(BaseModel):
    """Facts that are read again, and what they are; a run may hold more."""

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
    """A run folder made by `train`, finished or stopped."""

    folder: Path
    recipe: Recipe
    facts: dict[str, Any]
    """Versions, hardware, command, data fingerprint, input size, notes."""

    @property
    def rounds_done(self) -> int:
        """Whole rounds in the checkpoint."""
        return rounds_in(self.folder / CHECKPOINT)

    @property
    def log(self) -> list[dict[str, Any]]:
        """One mapping per whole round."""
        done = self.rounds_done
        return [row for row in read_log(self.folder) if row["round"] <= done]

    @property
    def summary(self) -> dict[str, Any]:
        """What a score of this run should be read with: method, seed, cameras, settings, command, data."""
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
        """How crops are decoded for this run, whose recipe may come from somebody else.

        A folder for decoded crops that it names is taken where there is one already, and never made.
        """
        settings = self.recipe.data
        folder = settings.cache_dir
        if folder is None or is_accessible(cache_folder(folder)):
            return settings
        return settings.model_copy(update={"cache_dir": None})

    @property
    def has_start(self) -> bool:
        """Whether the folder holds the weights that the run started with; those of early versions do not."""
        return (self.folder / START).is_file()

    def check_start(self) -> None:
        """Check that the folder holds the weights that the run started with.

        Raises:
            RunError: it does not, since an early version made it.
        """
        if not self.has_start:
            raise RunError(
                f"{self.folder}: holds no {START}, the weights it started with, which early versions did not keep; "
                "train again to compare with them"
            )

    def encoder(
        self,
        student: bool = False,
        part: Part | None = None,
        untrained: bool = False,
    ) -> Encoder:
        """The encoder after the last whole round, in evaluation mode on the CPU.

        Where a method scores a momentum teacher that is the teacher, unless the `student` is asked for. Where it
        learned patches, vectors are of the `part` asked for, or of `model.patches.feature`. `untrained` gives the
        encoder before the first training step, its neck settled on the crops.

        Raises:
            RunError: the file of weights is missing, damaged or of another model.
            SettingsError: a part is asked for, but the run has learned no patches.
        """
        if untrained:
            self.check_start()
        patches = self.recipe.model.patches
        if part is not None and patches is None:
            raise SettingsError(
                f"part '{part}': {self.recipe.method.name} learned no patches, there is nothing to choose; leave it out"
            )
        path = self.folder / (START if untrained else CHECKPOINT)
        tensors, metadata = read_checkpoint(path)
        # All weights come from the checkpoint: the starting weights need not be at hand any more.
        model = self.recipe.model.model_copy(update={"weights": "none"})
        embedded = "both" if patches is None else part or patches.feature
        encoder = Encoder(model, self.facts["height"], self.facts["width"], part=embedded)
        prefix = LEARNING if student else metadata.get("scored", LEARNING)
        load_encoder_state(path, encoder, tensors, prefix)
        encoder.eval()
        return encoder.to(memory_format=torch.channels_last)


@contextmanager
def hold_run(folder: Path) -> Iterator[None]:
    """Make a run folder where there is none, and be the only process that trains into it.

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
    """Write recipe and facts into a run folder."""
    write_text(folder / RECIPE, recipe.to_yaml())
    write_text(folder / FACTS, json.dumps(facts, indent=1) + "\n")
    return Run(folder, recipe, facts)


def open_run(folder: str | Path) -> Run:
    """Open a run folder.

    Raises:
        RunError: it is missing, or no run folder.
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

"""Settings of the training loop."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field

from reseen.conditions import Above, AtLeast, When
from reseen.config import Settings
from reseen.models.arithmetic import Precision

_FEWEST_BATCHES = 10
"""Fewest batches of a round where the size of the pool decides."""


class TrainSettings(Settings):
    """Rounds of cluster then train, the optimizer and the device."""

    rounds: Annotated[int, Field(ge=0)] = 50
    """Times to cluster and then train; 0 keeps the starting weights, to score what training adds."""

    iterations: Annotated[Annotated[int, Field(ge=1)], When(passes=None)] = 200
    """Batches per round."""

    passes: Annotated[float, Field(gt=0)] | None = None
    """Times that the whole training sees each crop on average: sets the batches per round by the size of the pool, 10
    or more; null: `iterations` does."""

    mirrored_features: bool = False
    """Cluster the mean of each crop's vector and its mirror image's: fewer people split or fused, for twice the
    time of extraction. Scores never use it."""

    renew_statistics: bool = False
    """After each round give batch norms the statistics of plain crops, for clusters and scores: a pass over all crops
    more. Meant for where training sees other things than plain crops, as masked maps, and for momentum teachers."""

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """`sgd` has momentum 0.9."""

    learning_rate: Annotated[float, Field(gt=0, le=1e30)] = 3.5e-4
    """Peak learning rate."""

    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    """Pull of all weights towards zero."""

    warmup_rounds: Annotated[float, Field(ge=0)] = 0.0
    """Rounds over which the learning rate rises from a hundredth to its peak."""

    schedule: Literal["step", "cosine", "constant"] = "step"
    """`step` divides the learning rate by ten every `step_rounds`, counted from the first round, warm-up included;
    `cosine` lowers it to zero at the end."""

    step_rounds: Annotated[Annotated[int, Field(ge=1)] | None, When(schedule="step")] = None
    """Rounds between the drops of the `step` schedule; null: two fifths of all rounds, 20 of 50."""

    on_collapse: Literal["retry", "warn"] = "warn"
    """Where a round's clusters have fused people or fallen apart: `warn` says it, with the remedy; `retry` clusters
    again by stricter settings and, where none helps, ends training with the last good round."""

    patience: Annotated[int, Field(ge=1)] | None = None
    """Rounds without a higher audit score after which training ends; null trains all rounds. No labels are used."""

    precision: Annotated[Precision, BeforeValidator(lambda value: "32" if value == 32 else value)] = "32"
    """Arithmetic of the trunk; features and losses are always float32. `auto` is what is fastest here: on a CPU bf16
    where the processor has it, and frozen stages with their batch norms multiplied into convolutions."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; `auto` takes a GPU where there is one."""

    channels_last: bool = True
    """Memory order of images and weights; faster for convolutions."""

    compile: bool = False
    """Compile the trunk: minutes at the start, then faster steps on a GPU."""

    tensorboard: bool = False
    """Also write TensorBoard events (needs `pip install reseen[tensorboard]`)."""

    @property
    def rounds_per_step(self) -> int:
        """Rounds between the drops of the `step` schedule."""
        return self.step_rounds or max(1, -(-2 * self.rounds // 5))

    def for_pool(self, crops: int, batch_size: int) -> Self:
        """The settings for a pool of so many crops: with `passes`, `iterations` follows from it."""
        if self.passes is None or not self.rounds:
            return self
        batches = math.ceil(self.passes * crops / (batch_size * self.rounds))
        return self.model_copy(update={"iterations": max(_FEWEST_BATCHES, batches), "passes": None})

    def conditions(self) -> Mapping[str, When]:
        """A training is longer than a step of its schedule, and than the patience with it."""
        found = {}
        if self.step_rounds is not None and self.rounds:
            found["step_rounds"] = When(rounds=Above(self.step_rounds))
        if self.patience is not None and self.rounds:
            found["patience"] = When(rounds=AtLeast(self.patience + 2))
        return found

"""Settings of the training loop, the optimizer and the device."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field

from reseen.conditions import Above, AtLeast, Not, When
from reseen.config import Settings
from reseen.models.arithmetic import Precision

_FEWEST_BATCHES = 10
"""Minimum number of batches per round with `passes`."""


class TrainSettings(Settings):
    """Settings of the training loop, the optimizer and the device."""

    rounds: Annotated[int, Field(ge=0)] = 50
    """Number of clustering/training rounds; 0 keeps the starting weights, as a baseline."""

    iterations: Annotated[Annotated[int, Field(ge=1)], When(passes=None)] = 200
    """Batches per round."""

    passes: Annotated[float, Field(gt=0)] | None = None
    """Average number of times that the whole training uses each crop; sets the batches per round from the number of
    crops, to at least 10; null: use `iterations`."""

    mirrored_features: bool = False
    """Cluster the mean of the features of each crop and its mirror image: fewer people are split or merged, for twice
    the extraction time. Not used for evaluation."""

    renew_statistics: bool = False
    """Re-estimate batch norm statistics on plain crops after each round, in one more pass over all crops. Useful with
    masked views or momentum teachers, whose training inputs differ from plain crops."""

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """`sgd` has momentum 0.9."""

    learning_rate: Annotated[float, Field(gt=0, le=1e30)] = 3.5e-4
    """Peak learning rate."""

    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    """Weight decay of all weights: L2 regularization, decoupled with `adamw`."""

    warmup_rounds: Annotated[float, Field(ge=0)] = 0.0
    """Rounds of linear warm-up, from a hundredth of the learning rate to its peak."""

    schedule: Literal["step", "cosine", "constant"] = "step"
    """`step` divides the learning rate by ten every `step_rounds`, counted from the first round including the warm-up;
    `cosine` decays it to zero at the end."""

    step_rounds: Annotated[Annotated[int, Field(ge=1)] | None, When(schedule="step")] = None
    """Rounds between the drops of the `step` schedule; null: two fifths of all rounds, 20 of 50."""

    on_collapse: Literal["retry", "warn"] = "warn"
    """If a round's clusters merge several people or fall apart: `warn` logs it, with a remedy; `retry` clusters again
    with stricter settings and, if none helps, ends training with the last good round."""

    patience: Annotated[int, Field(ge=1)] | None = None
    """Early stopping: rounds without a higher audit score after which training ends; null: train all rounds. No labels
    are used."""

    precision: Annotated[Precision, BeforeValidator(lambda value: "32" if value == 32 else value)] = "32"
    """Precision of the trunk; features and losses are always float32. `auto` is the fastest on this machine: on a CPU,
    bf16 if the processor supports it, with the batch norms of frozen stages folded into their convolutions."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """The training device; `auto`: a GPU if there is one."""

    channels_last: bool = True
    """Use the channels-last memory format, which is faster for convolutions."""

    compile: bool = False
    """Compile the trunk: takes minutes at the start, then steps are faster on a GPU."""

    kept_views: Annotated[Annotated[int, Field(ge=1)] | None, When(compile=False)] = None
    """Augmented views of each crop that are passed once through the frozen stages and kept; a batch draws one of each
    of its crops. null: every batch augments anew."""

    refresh_views: Annotated[Annotated[int, Field(ge=1)] | None, When(kept_views=Not(None))] = None
    """Rounds after which kept views are made anew; null: never."""

    whiten: bool = False
    """After the last round, whiten embeddings within clusters: a linear map under which crops of one cluster vary less,
    fitted to the training crops without labels, becomes part of the encoder. Training itself does not use it."""

    tensorboard: bool = False
    """Also write TensorBoard events (needs `pip install reseen[tensorboard]`)."""

    @property
    def rounds_per_step(self) -> int:
        """Rounds between the drops of the `step` schedule."""
        return self.step_rounds or max(1, -(-2 * self.rounds // 5))

    def for_pool(self, crops: int, batch_size: int) -> Self:
        """The settings for this number of crops: `passes` is replaced by `iterations`."""
        if self.passes is None or not self.rounds:
            return self
        batches = math.ceil(self.passes * crops / (batch_size * self.rounds))
        return self.model_copy(update={"iterations": max(_FEWEST_BATCHES, batches), "passes": None})

    def conditions(self) -> Mapping[str, When]:
        """`step_rounds`, `patience` and `refresh_views` have an effect only if training is longer."""
        conditions = {}
        if self.step_rounds is not None and self.rounds:
            conditions["step_rounds"] = When(rounds=Above(self.step_rounds))
        if self.patience is not None and self.rounds:
            conditions["patience"] = When(rounds=AtLeast(self.patience + 2))
        if self.refresh_views is not None and self.rounds:
            conditions["refresh_views"] = When(rounds=Above(self.refresh_views))
        return conditions

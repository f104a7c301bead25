r"""The momentum teacher, an exponential moving average of an encoder, and the heads of self-distillation.

Weights are updated by $\theta' \leftarrow \alpha_t \theta' + (1 - \alpha_t) \theta$ with
$\alpha_t = \min(1 - 1/(t+1), \alpha)$ at step t from 0, so that the first step copies the student.

Reference: Tarvainen and Valpola, "Mean teachers are better role models", NeurIPS 2017; the warm-up as in Ge et al.,
"Mutual mean-teaching", ICLR 2020.
"""

import copy
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from reseen.config import Settings
from reseen.models.encoder import Encoder


class TeacherSettings(Settings):
    """Settings of the momentum teacher."""

    momentum: Annotated[float, Field(ge=0, le=1)] = 0.999
    """EMA decay: weight of the teacher's old weights in each step, after the warm-up."""

    statistics: Literal["copy", "average"] = "copy"
    """Running statistics of batch norms: `copy` the student's, or `average` them like the weights."""


class MomentumTeacher:
    """An exponential moving average of an encoder, in evaluation mode and without gradients.

    Example:
        teacher = MomentumTeacher(student, TeacherSettings())
        teacher.update(student)  # after every optimizer step
        targets = teacher.encoder(images)
    """

    def __init__(self, student: nn.Module, settings: TeacherSettings) -> None:
        """Initialize as a copy of the student, which may be wrapped by Fabric."""
        self._settings = settings
        self._steps = 0
        self.encoder = copy.deepcopy(unwrapped(student))
        self.encoder.requires_grad_(False)
        self.encoder.eval()

    def copy_from(self, student: nn.Module) -> None:
        """Copy the student's current weights and statistics; it may be wrapped by Fabric."""
        self.encoder.load_state_dict(unwrapped(student).state_dict())

    @torch.no_grad()
    def update(self, student: nn.Module) -> None:
        """Take one EMA step towards the student."""
        decay = min(1 - 1 / (self._steps + 1), self._settings.momentum)
        average = get_ema_multi_avg_fn(decay)
        average(list(self.encoder.parameters()), list(student.parameters()), self._steps)
        for own, current in zip(self.encoder.buffers(), student.buffers(), strict=True):
            if self._settings.statistics == "average" and own.is_floating_point():
                own.lerp_(current, 1 - decay)
            else:
                own.copy_(current)
        self._steps += 1

    def state(self) -> dict[str, Tensor]:
        """Weights, statistics and step count, to be saved in a checkpoint; see `restore`."""
        return {**self.encoder.state_dict(prefix="encoder."), "steps": torch.tensor(self._steps)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore weights, statistics and step count from a `state`."""
        self._steps = int(state["steps"])
        prefix = "encoder."
        self.encoder.load_state_dict(
            {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        )


def unwrapped(encoder: nn.Module) -> Encoder:
    """The encoder inside Fabric's wrapper; the encoder itself if it is not wrapped."""
    plain: Any = getattr(encoder, "module", encoder)
    return plain


class ResidualHead(nn.Module):
    """A residual head; its last layer is initialized to zero, so that it starts as the identity."""

    def __init__(self, head: nn.Sequential) -> None:
        super().__init__()
        self.head = head
        for values in head[-1].parameters():
            nn.init.zeros_(values)

    def forward(self, vectors: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """The vectors plus the output of the head."""
        return vectors + self.head(vectors)


def predictor(dimension: int, hidden: int) -> nn.Sequential:
    """The prediction head of SimSiam, a two-layer MLP: predicts the embedding of one view from that of another.

    Reference: Chen and He, "Exploring simple Siamese representation learning", CVPR 2021, section 4.
    """
    return nn.Sequential(
        nn.Linear(dimension, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, dimension),
    )

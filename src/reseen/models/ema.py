r"""The moving average of an encoder over training: the momentum teacher.

Weights follow as $\theta' \leftarrow \alpha_t \theta' + (1 - \alpha_t) \theta$ with
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

from reseen.config import Settings
from reseen.models.encoder import Encoder


class TeacherSettings(Settings):
    """How the teacher follows."""

    momentum: Annotated[float, Field(ge=0, le=1)] = 0.999
    """Share of the teacher's weights that stays in each step, after the warm-up."""

    statistics: Literal["copy", "average"] = "copy"
    """Running statistics of batch norms: the student's, or averaged like the weights."""


class MomentumTeacher:
    """A copy of an encoder that moves towards it step by step, is always in evaluation mode and has no gradients."""

    def __init__(self, student: nn.Module, settings: TeacherSettings) -> None:
        """Begin as the student, which may be wrapped by Fabric."""
        self._settings = settings
        self._steps = 0
        self.encoder = copy.deepcopy(unwrapped(student))
        self.encoder.requires_grad_(False)
        self.encoder.eval()

    def begin(self, student: nn.Module) -> None:
        """Be the student as it is now, which may be wrapped by Fabric."""
        self.encoder.load_state_dict(unwrapped(student).state_dict())

    @torch.no_grad()
    def follow(self, student: nn.Module) -> None:
        """Move one step towards the student."""
        keep = min(1 - 1 / (self._steps + 1), self._settings.momentum)
        for own, theirs in zip(self.encoder.parameters(), student.parameters(), strict=True):
            own.lerp_(theirs.detach(), 1 - keep)
        for own, theirs in zip(self.encoder.buffers(), student.buffers(), strict=True):
            if self._settings.statistics == "average" and own.is_floating_point():
                own.lerp_(theirs, 1 - keep)
            else:
                own.copy_(theirs)
        self._steps += 1

    def state(self) -> dict[str, Tensor]:
        """Weights, statistics and the number of steps."""
        return {**self.encoder.state_dict(prefix="encoder."), "steps": torch.tensor(self._steps)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a `state`."""
        self._steps = int(state["steps"])
        prefix = "encoder."
        self.encoder.load_state_dict(
            {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        )


def unwrapped(encoder: nn.Module) -> Encoder:
    """The encoder inside the wrapper that Fabric puts around it."""
    plain: Any = getattr(encoder, "module", encoder)
    return plain


class Added(nn.Module):
    """A head whose output is added to its input; its last layer starts at zero, so that it starts as the identity."""

    def __init__(self, head: nn.Sequential) -> None:
        super().__init__()
        self.head = head
        for values in head[-1].parameters():
            nn.init.zeros_(values)

    def forward(self, vectors: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Vectors and what the head makes of them."""
        return vectors + self.head(vectors)


def predictor(dimension: int, hidden: int) -> nn.Sequential:
    """The prediction head: from the vector of one view to that of another.

    Reference: Chen and He, "Exploring simple Siamese representation learning", CVPR 2021, section 4.
    """
    return nn.Sequential(
        nn.Linear(dimension, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, dimension),
    )

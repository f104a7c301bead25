"""One row per training image, moved a little whenever its image comes by.

Reference: Zhong et al., "Invariance matters: exemplar memory for domain adaptive person re-identification", CVPR 2019,
eq. 3; Wang and Zhang, "Unsupervised person re-identification via multi-label classification", CVPR 2020, eq. 2.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from reseen.memory.in_turn import update_in_turn


class InstanceBank:
    """`vectors` of shape (n, d), no gradients: unit rows, or running means where they are `raw`.

    They may lie elsewhere than what is learned; losses fetch them in chunks.
    """

    def __init__(self, vectors: Float[Tensor, "n d"], place: torch.device, raw: bool = False) -> None:
        """Start from a first pass over all images; the rows are copied to `place`."""
        self.vectors = vectors.detach().to(place, torch.float32, copy=True)
        self._raw = raw

    def update(self, features: Float[Tensor, "b d"], rows: Int64[Tensor, " b"], momentum: float) -> None:
        """Move `rows` towards `features`, one after another where a row comes twice; `momentum` of the old stays."""
        update_in_turn(
            self.vectors,
            features.detach().to(self.vectors),
            rows.to(self.vectors.device),
            momentum,
            self._raw,
        )

    def preview(
        self, features: Float[Tensor, "b d"], rows: Int64[Tensor, " b"], momentum: float
    ) -> tuple[Int64[Tensor, " u"], Float[Tensor, "u d"]]:
        """The rows that an update would change, each once, and what they would become; nothing is changed."""
        place = self.vectors.device
        changed, inverse = torch.unique(rows.to(place), return_inverse=True)
        fresh = self.vectors[changed]
        update_in_turn(fresh, features.detach().to(fresh), inverse, momentum, self._raw)
        return changed, fresh

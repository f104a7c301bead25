"""Augmented views of every crop behind the frozen stages, kept so that training steps need not compute these stages.

Frozen stages cost a forward pass of every crop of every batch, although the same crop and the same augmentation always
give the same output. Here K augmented views of each crop are passed through them once, and a batch draws one of the K
for each of its crops. With fewer views than a crop is trained on, views repeat: less augmentation is what the saved
time costs, unless the views are made anew every few rounds.

The views of a period depend on nothing but the recipe, the crops and the weights of the frozen stages, so that a
resumed run makes the same ones again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn

from reseen.data.crops import Crops
from reseen.data.views import AugmentationSettings, augment
from reseen.features.extract import BATCH, unwrap
from reseen.features.frozen_maps import FrozenMaps
from reseen.models.frozen_stages import frozen_output, given_frozen_output
from reseen.runs.console import Progress
from reseen.runs.recipe import Recipe

NO_PLACE = (
    "train.kept_views: there is no room for kept views, so every batch augments anew, at the cost of the frozen "
    "stages; to keep them, raise data.cache_gigabytes or free space in data.cache_dir"
)
"""The note where views cannot be kept."""


class KeptViews:
    """Outputs of the frozen stages for `views` augmented views of each crop, in bfloat16, in a file without a name.

    Example:
        >>> kept = KeptViews.of_recipe(recipe, len(crops))
        >>> if kept.begin_round(1, encoder, crops, device, view.phase):
        ...     with kept.given(rows, [encoder], device, generator) as images:
        ...         embeddings = encoder(images)  # those of the views; the images are blank
    """

    def __init__(
        self,
        store: FrozenMaps | None,
        views: int,
        augmentation: AugmentationSettings,
        seed: int,
        rounds: int | None = None,
    ) -> None:
        """`store` has `views` maps of every crop, None for no place; they are made anew every `rounds`, None: never."""
        self._store, self._views, self._augmentation = store, views, augmentation
        self._seed, self._rounds = seed, rounds
        self._period: int | None = None
        self._dtype = torch.float32

    @classmethod
    def of_recipe(cls, recipe: Recipe, crops: int) -> Self | None:
        """The kept views of a run on so many crops, still empty; None if the recipe keeps none."""
        train, data = recipe.train, recipe.data
        if train.kept_views is None:
            return None
        store = FrozenMaps.open_if_possible(
            range(crops), train.kept_views, data.cache_gigabytes, data.cache_dir
        )
        return cls(store, train.kept_views, recipe.augmentation, recipe.seed, train.refresh_views)

    def begin_round(
        self,
        number: int,
        encoder: nn.Module,
        crops: Crops,
        device: torch.device,
        phase: Callable[[str, int], Progress],
    ) -> bool:
        """Make the views of the period of round `number`, from 1, unless they are there; false if there is no place.

        Args:
            number: the round that is trained next.
            encoder: an encoder with frozen stages, which Fabric may have wrapped; it is not modified.
            crops: the training crops.
            device: where the encoder is.
            phase: opens a progress bar of a name and a number of views, as `RunView.phase` does.
        """
        period = 0 if self._rounds is None else (number - 1) // self._rounds
        if self._store is None:
            return False
        if period == self._period:
            return True
        progress = phase(f"round {number}: views kept", self._views * len(crops))
        generator, plain = Generator().manual_seed(_seed_of(self._seed, period)), unwrap(encoder)
        training = plain.training
        plain.eval()  # nothing before the last frozen stage may draw random numbers
        try:
            for rows in torch.arange(len(crops)).split(BATCH):
                pixels = crops.images(rows).to(device)
                for view in range(self._views):
                    images = augment(pixels, self._augmentation, plain.mean, plain.std, generator)
                    output = frozen_output(plain, images)
                    self._dtype = output.dtype
                    self._store.write(rows, view, output.to(torch.bfloat16))
                    if not self._store.has_room:
                        return False
                    progress(len(rows))
        finally:
            plain.train(training)
        self._period = period
        return True

    def draw(self, rows: Int64[Tensor, " b"], generator: Generator) -> Tensor:
        """The output (b, c, y, x) of the frozen stages for a random view of each of the `rows`, which may repeat.

        It is on the CPU, in the type that the frozen stages have in training.

        Raises:
            LookupError: `begin_round` was not called, or said that there is no place.
        """
        if self._store is None or self._period is None:
            raise LookupError("no views are kept before begin_round")
        views = torch.randint(self._views, (len(rows),), generator=generator)
        return self._store.read_views(rows, views).to(self._dtype)

    @contextmanager
    def given(
        self,
        rows: Int64[Tensor, " b"],
        encoders: Sequence[nn.Module],
        device: torch.device,
        generator: Generator,
    ) -> Iterator[Float[Tensor, "b 3 h w"]]:
        """Within the block, `encoders` go on from a random view of each of the `rows`; yields blank images for them.

        Raises:
            LookupError: as in `draw`.
        """
        output, plain = self.draw(rows, generator).to(device, non_blocking=True), unwrap(encoders[0])
        with given_frozen_output(encoders, output):
            yield torch.zeros(1, 3, plain.height, plain.width, device=device).expand(len(rows), -1, -1, -1)


def _seed_of(seed: int, period: int) -> int:
    """A seed of a period's views that is far from those of other periods, and from the run's own."""
    return int(np.random.SeedSequence((seed, period)).generate_state(1, np.uint64)[0] >> 1)

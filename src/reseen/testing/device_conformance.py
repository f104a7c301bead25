"""That a method trains on a device other than the CPU: a part of `MethodConformance`."""

from abc import abstractmethod
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from reseen.features.extract import extract
from reseen.methods import Round
from reseen.records import to_index_tensor
from reseen.runs.recipe import Recipe
from reseen.testing.stand_in_device import STAND_IN, StandInDevice, to_stand_in
from reseen.training.loop import Training, make_batch
from reseen.training.optimizer import build_optimizer


class DeviceConformance:
    """A test on the stand-in device, which needs no GPU."""

    reads_in_a_step: ClassVar[Collection[str]] = (
        "sequential_ema.py",
        "camera_proxies.py",
        "memory_bank.py",
        "streaming_logsumexp.py",
    )
    """Files whose code reads values from the device in a step, where a GPU is waited for; by default those of reseen's
    memories."""

    @abstractmethod
    def begin(self, recipe: Recipe, crowd: Path, folder: Path) -> tuple[Training, Round]:
        """Set the method up on the crowd and begin a round."""

    def test_a_round_runs_on_a_device_that_is_not_the_cpu(
        self, recipe: Recipe, crowd: Path, tmp_path: Path
    ) -> None:
        """No tensor is forgotten on the CPU, and no value is read back in a step but where `reads_in_a_step` says."""
        training, _ = self.begin(recipe, crowd, tmp_path)
        training = on_stand_in(training)
        with StandInDevice() as device:
            features = extract(training.encoder, training.crops, STAND_IN)
            plan = training.method.begin_round(features, recipe.train.iterations)
            labels = to_index_tensor(plan.clustering.labels.labels)
            training.encoder.train()
            device.reads.clear()
            for rows in plan.batches:
                step = training.method.losses(make_batch(training, rows, labels))
                step.loss.backward()
                training.optimizer.step()
                training.optimizer.zero_grad()
                training.method.after_step(step)
            read = set(device.reads)
            assert all(np.isfinite(float(value.detach())) for value in step.terms.values())
        assert {place.partition(" at ")[2].partition(":")[0] for place in read} <= set(
            self.reads_in_a_step
        ), read


def on_stand_in(training: Training) -> Training:
    """The same training with its encoder, method and optimizer on the stand-in device."""
    to_stand_in([training.method, training.encoder])
    optimizer = build_optimizer([training.encoder, *training.method.networks()], training.recipe.train)
    fabric: Any = SimpleNamespace(device=STAND_IN)
    return replace(training, fabric=fabric, optimizer=optimizer)

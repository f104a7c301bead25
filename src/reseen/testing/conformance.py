"""What every method must do, as a pytest class that a method's own tests can inherit.

    from reseen.testing import MethodConformance

    class TestStaticCentroids(MethodConformance):
        name = "static-centroids"
        settings = {"sampler": {"clusters_per_batch": 4, "images_per_cluster": 4}}

The training loop, resuming, audits and the command line rest on these properties. The crowd has 72 training crops of
six people and three cameras, 64 x 32 pixels; `settings` are those of the method under which a round on it takes
seconds. Needs pytest, which is not installed with reseen.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from reseen.audit import Answer, write_answers
from reseen.config import merge
from reseen.data.evaluation_table import EvaluationTable
from reseen.data.labels import write_labels
from reseen.data.table import ImageTable
from reseen.datasets import read_splits, read_training
from reseen.environment import knows_bfloat16
from reseen.features.extract import extract, unwrap
from reseen.methods import METHODS, Round
from reseen.records import NOISE, Batch, to_index_tensor
from reseen.runs.checkpoint import CHECKPOINT, read_checkpoint
from reseen.runs.recipe import Recipe
from reseen.runs.run import Run
from reseen.synthetic import draw_crowd
from reseen.testing.device_conformance import DeviceConformance
from reseen.testing.state import frozen
from reseen.training import loop
from reseen.training.loop import Training, make_batch
from reseen.training.setup import set_up
from reseen.training.train import train

TINY: Mapping[str, Any] = {
    "model": {"backbone": "test_efficientnet", "weights": "none", "norm_group": 8},
    "data": {"height": 64, "width": 32},
    "train": {"rounds": 2, "iterations": 3, "device": "cpu"},
}
"""What the recipe of every method is cut down to."""


@pytest.fixture(scope="session")
def conformance_crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn crowd of twelve people and three cameras: six to learn from, six to score."""
    folder = tmp_path_factory.mktemp("conformance") / "crowd"
    draw_crowd(folder, people=12, cameras=3, height=64, width=32, processes=1, progress=False)
    return folder


class MethodConformance(DeviceConformance):
    """Tests of one registered method; set `name` in a subclass whose name begins with `Test`."""

    name: ClassVar[str]
    """The name under which the method is registered."""

    settings: ClassVar[Mapping[str, Any]] = {}
    """Settings below `method` for 72 crops."""

    recipe_settings: ClassVar[Mapping[str, Any]] = {}
    """Settings of the other sections, such as `{"model": {"patches": {"count": 2}}}`."""

    @pytest.fixture
    def crowd(self, conformance_crowd: Path) -> Path:
        """The folder of crops; another may be given in a subclass."""
        return conformance_crowd

    @pytest.fixture
    def recipe(self, crowd: Path, tmp_path: Path) -> Recipe:
        """The recipe that is trained."""
        values = merge(
            merge(dict(TINY), dict(self.recipe_settings)), {"method": {"name": self.name, **self.settings}}
        )
        if self.method.takes_labels:
            values = merge(values, {"data": {"labels": str(_labels_of(crowd, tmp_path))}})
        return Recipe.parse(values, self.name)

    @property
    def method(self) -> Any:
        """The class under test."""
        row = METHODS.find(self.name)
        assert row is not None, f"no method '{self.name}' is registered"
        return row.method

    def begin(
        self, recipe: Recipe, crowd: Path, folder: Path, cameras: bool = True
    ) -> tuple[Training, Round]:
        """Set the method up on the crowd and begin a round."""
        table = read_training(crowd)
        if not cameras:
            table = ImageTable(table.root, table.paths, np.full_like(table.cameras, -1))
        training = set_up(recipe, table, folder / "run", quiet=True)
        features = extract(training.encoder, training.crops, torch.device("cpu"))
        return training, training.method.begin_round(features, recipe.train.iterations)

    def test_a_round_trains_without_identities(self, recipe: Recipe, crowd: Path, tmp_path: Path) -> None:
        """The training table has no identities, and the losses of a round are finite."""
        table = read_training(crowd)
        assert not isinstance(table, EvaluationTable)
        run = train(_rounds(recipe, 1), table, tmp_path / "run", quiet=True)
        assert run.rounds_done == 1
        assert all(np.isfinite(value) for value in run.log[0]["losses"].values())

    def test_losses_change_nothing(self, recipe: Recipe, crowd: Path, tmp_path: Path) -> None:
        """`losses` neither remembers anything nor draws from the training generator."""
        training, plan = self.begin(recipe, crowd, tmp_path)
        batch = first_batch(training, plan)
        before, generator = frozen(training.method), training.generator.get_state()
        training.method.losses(batch).loss.backward()
        assert frozen(training.method) == before
        assert torch.equal(training.generator.get_state(), generator)

    def test_losses_are_a_function_of_the_batch(self, recipe: Recipe, crowd: Path, tmp_path: Path) -> None:
        """The same batch gives the same numbers twice."""
        training, plan = self.begin(recipe, crowd, tmp_path)
        batch = first_batch(training, plan)
        first, second = training.method.losses(batch), training.method.losses(batch)
        assert {key: float(value.detach()) for key, value in first.terms.items()} == {
            key: float(value.detach()) for key, value in second.terms.items()
        }

    def test_every_term_is_a_finite_scalar_that_reaches_the_trunk(
        self, recipe: Recipe, crowd: Path, tmp_path: Path
    ) -> None:
        """Each loss term is a scalar with a gradient in the trunk; the features given back have none."""
        training, plan = self.begin(recipe, crowd, tmp_path)
        batch = first_batch(training, plan)
        training.method.after_step(
            training.method.losses(batch)
        )  # a memory may start at zero, without gradient
        step = training.method.losses(batch)
        assert step.terms
        for term, value in step.terms.items():
            assert value.shape == (), term
            assert torch.isfinite(value), term
            named = training.encoder.named_parameters()
            weights = [weight for key, weight in named if "trunk." in key and weight.requires_grad]
            gradients = torch.autograd.grad(value, weights, retain_graph=True, allow_unused=True)
            assert any(gradient is not None and bool(gradient.any()) for gradient in gradients), term
        assert not step.features.requires_grad
        assert torch.allclose(step.loss, torch.stack(list(step.terms.values())).sum())

    def test_after_step_updates_what_the_method_remembers_and_no_weight(
        self, recipe: Recipe, crowd: Path, tmp_path: Path
    ) -> None:
        """`after_step` changes the method exactly where it says that it remembers (`remembers`)."""
        training, plan = self.begin(recipe, crowd, tmp_path)
        step = training.method.losses(first_batch(training, plan))
        weights, before = frozen(training.encoder), frozen(training.method)
        training.method.after_step(step)
        assert (frozen(training.method) != before) == training.method.updates_memory
        assert frozen(training.encoder) == weights

    @pytest.mark.parametrize("cameras", [True, False])
    def test_batches_are_full(self, recipe: Recipe, crowd: Path, tmp_path: Path, cameras: bool) -> None:
        """Batches have the size the settings say, and no outliers where the method learns from clusters alone."""
        training, plan = self.begin(recipe, crowd, tmp_path, cameras)
        assert (training.crops.cameras is not None) == cameras
        labels = plan.clustering.labels.labels
        batches = list(plan.batches)
        assert len(batches) == recipe.train.iterations
        for rows in batches:
            assert len(rows) == recipe.method.batch_size
            if training.method.trains_on_outliers:
                assert len(set(rows.tolist())) == len(rows)
            else:
                assert not np.any(labels[rows.numpy()] == NOISE)
        training.encoder.train()
        batch = make_batch(training, batches[0], to_index_tensor(labels))
        assert torch.isfinite(training.method.losses(batch).loss)

    def test_same_seed_same_weights(self, recipe: Recipe, crowd: Path, tmp_path: Path) -> None:
        """Two trainings from one seed end in the same bits."""
        runs = [train(_rounds(recipe, 1), crowd, tmp_path / place, quiet=True) for place in ("a", "b")]
        assert _same_bits(*runs)

    def test_a_stopped_run_goes_on_to_the_same_bits(
        self, recipe: Recipe, crowd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A run that is interrupted in its third round and resumed equals one that was not."""
        recipe = _rounds(recipe, 3)
        whole = train(recipe, crowd, tmp_path / "whole", quiet=True)
        train_round = loop.train_round

        def stopped_in_round_three(training: Training, plan: Round, number: int, view: Any) -> Any:
            if number == 3:
                raise KeyboardInterrupt
            return train_round(training, plan, number, view)

        monkeypatch.setattr(loop, "train_round", stopped_in_round_three)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, crowd, tmp_path / "cut", quiet=True)
        monkeypatch.undo()
        resumed = train(recipe, crowd, tmp_path / "cut", resume=True, quiet=True)
        assert _same_bits(whole, resumed)
        assert [row["clusters"] for row in whole.log] == [row["clusters"] for row in resumed.log]

    def test_answers_of_a_person_are_in_the_labels_of_every_round(
        self, recipe: Recipe, crowd: Path, tmp_path: Path
    ) -> None:
        """Pairs that a person called the same share a cluster, and pairs called different do not."""
        if self.method.takes_labels:
            pytest.skip("learns from given labels, and refuses answers")
        table = read_training(crowd)
        same, different = [(0, 40), (3, 70)], [(1, 2), (1, 41)]

        def crops(pair: tuple[int, int]) -> tuple[str, str]:
            return table.texts[pair[0]], table.texts[pair[1]]

        answers = [Answer("s", "x", "same", crops(pair)) for pair in same]
        answers += [Answer("s", "x", "different", crops(pair)) for pair in different]
        write_answers(tmp_path / "answers.csv", answers)
        data = recipe.data.model_copy(update={"constraints": tmp_path / "answers.csv"})
        training, plan = self.begin(recipe.model_copy(update={"data": data}), crowd, tmp_path)
        labels = plan.clustering.labels.labels
        for first, second in same:
            assert labels[first] == labels[second] >= 0
        for first, second in different:
            assert labels[first] != labels[second] or labels[first] == NOISE
        assert any(note.startswith("constraints merged") for note in plan.clustering.notes)
        assert set(first_batch(training, plan).labels.tolist()) <= set(labels.tolist())

    def test_reclustering_gives_the_same_clusters_twice(
        self, recipe: Recipe, crowd: Path, tmp_path: Path
    ) -> None:
        """An audit that asks twice gets the same clusters, one label per row."""
        training, _ = self.begin(recipe, crowd, tmp_path)
        features = extract(training.encoder, training.crops, torch.device("cpu"))
        first, again = (training.method.recluster(features).labels.labels for _ in range(2))
        assert (first == again).all()
        assert len(first) == len(features)

    def test_the_clusters_of_an_audit_are_those_of_the_features_it_is_given(
        self, recipe: Recipe, crowd: Path, tmp_path: Path
    ) -> None:
        """`recluster` looks at its argument, not at what the method remembers (`reclusters_features`)."""
        training, _ = self.begin(recipe, crowd, tmp_path)
        features = extract(training.encoder, training.crops, torch.device("cpu"))
        before = training.method.recluster(features).labels.labels
        order = np.arange(len(before)).reshape(-1, 2)[:, ::-1].ravel()  # neighbors in the table change places
        swapped = type(features)(features.vectors[torch.from_numpy(order.copy())], raw=features.raw)
        after = training.method.recluster(swapped).labels.labels
        if training.method.reclusters_features:
            assert not np.array_equal(after, before)

    def test_the_trunk_computes_in_the_precision_of_the_recipe_and_vectors_are_float32(
        self, recipe: Recipe, crowd: Path, tmp_path: Path
    ) -> None:
        """With bf16 the trunk computes in bfloat16, while features and losses stay float32."""
        settings = recipe.train.model_copy(update={"precision": "bf16-mixed"})
        training, plan = self.begin(recipe.model_copy(update={"train": settings}), crowd, tmp_path)
        seen: set[torch.dtype] = set()
        for encoder in training.method.encoders():
            block = unwrap(encoder).trunk.get_submodule("blocks.0")
            block.register_forward_hook(lambda _module, _given, output: seen.add(output.dtype))
        step = training.method.losses(first_batch(training, plan))
        step.loss.backward()
        assert seen == {torch.bfloat16}
        assert any("emulates bf16" in note for note in training.notes) != knows_bfloat16()
        assert step.features.dtype == step.loss.dtype == torch.float32


def first_batch(training: Training, plan: Round) -> Batch:
    """The first batch of a round, as the loop makes it."""
    labels = to_index_tensor(plan.clustering.labels.labels)
    training.encoder.train()
    return make_batch(training, next(iter(plan.batches)), labels)


def _rounds(recipe: Recipe, rounds: int) -> Recipe:
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"rounds": rounds})})


def _same_bits(one: Run, other: Run) -> bool:
    first, second = (read_checkpoint(run.folder / CHECKPOINT)[0] for run in (one, other))
    return set(first) == set(second) and all(torch.equal(first[key], second[key]) for key in first)


def _labels_of(crowd: Path, folder: Path) -> Path:
    file = folder / "labels.csv"
    write_labels(file, read_splits(crowd, names=("train",))["train"])
    return file

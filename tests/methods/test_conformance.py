"""What every method must do, whatever it is: the loop and the resume guarantee rest on it."""

import numpy as np
import pytest
import torch

import reseen
from reseen.audit import Answer, write_answers
from reseen.data.evaluation_table import EvaluationTable
from reseen.environment import knows_bfloat16
from reseen.features.extract import extract
from reseen.methods import METHODS
from reseen.records import NOISE, to_index_tensor
from reseen.runs.checkpoint import CHECKPOINT, read_checkpoint
from reseen.training import loop as fit
from reseen.training.loop import make_batch
from reseen.training.setup import set_up

FORGETFUL = {"source", "sphere"}
"""Methods that remember nothing between batches."""

pytestmark = pytest.mark.parametrize("name", sorted(METHODS))


def frozen(value, seen=None):
    """A comparable copy of everything an object holds; the encoder's running statistics and generators aside."""
    seen = set() if seen is None else seen
    if isinstance(value, torch.Tensor):
        return ("tensor", tuple(value.shape), value.detach().double().flatten().tolist())
    if isinstance(value, np.ndarray):
        return ("array", value.shape, value.tolist())
    if isinstance(value, torch.nn.Module):
        return {key: frozen(weight) for key, weight in value.named_parameters()}
    if value is None or isinstance(value, int | float | str | bytes):
        return value
    if id(value) in seen:
        return "seen"
    seen.add(id(value))
    if isinstance(value, dict):
        return {str(key): frozen(item, seen) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [frozen(item, seen) for item in value]
    if isinstance(value, torch.Generator):
        return value.get_state().tolist()
    return {key: frozen(item, seen) for key, item in getattr(value, "__dict__", {}).items()}


def first_batch(training, plan):
    labels = to_index_tensor(plan.clustering.labels.labels)
    training.encoder.train()
    return make_batch(training, next(iter(plan.batches)), labels)


def test_a_round_trains_without_identities(name, recipe_of, crowd, tmp_path):
    table = reseen.read_training(crowd)
    assert not isinstance(table, EvaluationTable)
    assert not [field for field in vars(table) if "ident" in field or "person" in field]
    recipe = recipe_of(name)
    one_round = recipe.model_copy(update={"train": recipe.train.model_copy(update={"rounds": 1})})
    run = reseen.train(one_round, table, tmp_path / "run", quiet=True)
    assert run.rounds_done == 1
    assert all(np.isfinite(value) for value in run.log[0]["losses"].values())


def test_losses_change_nothing(name, begin):
    training, plan = begin(name)
    batch = first_batch(training, plan)
    before = frozen(training.method)
    generator = training.generator.get_state()
    step = training.method.losses(batch)
    step.loss.backward()
    assert frozen(training.method) == before
    assert torch.equal(training.generator.get_state(), generator)


def test_losses_are_a_function_of_the_batch(name, begin):
    training, plan = begin(name)
    batch = first_batch(training, plan)
    first, second = training.method.losses(batch), training.method.losses(batch)
    assert {key: float(value.detach()) for key, value in first.terms.items()} == {
        key: float(value.detach()) for key, value in second.terms.items()
    }


def test_every_term_is_a_finite_scalar_that_reaches_the_trunk(name, begin):
    training, plan = begin(name)
    batch = first_batch(training, plan)
    training.method.after_step(
        training.method.losses(batch)
    )  # a memory may start at zero, which pulls nowhere
    step = training.method.losses(batch)
    assert step.terms
    for term, value in step.terms.items():
        assert value.shape == (), term
        assert torch.isfinite(value), term
        weights = [weight for key, weight in training.encoder.named_parameters() if "trunk." in key]
        gradients = torch.autograd.grad(value, weights, retain_graph=True, allow_unused=True)
        assert any(gradient is not None and bool(gradient.any()) for gradient in gradients), term
    assert not step.features.requires_grad
    assert torch.allclose(step.loss, sum(step.terms.values()))


def test_after_step_updates_what_the_method_remembers_and_no_weight(name, begin):
    training, plan = begin(name)
    step = training.method.losses(first_batch(training, plan))
    weights = frozen(training.encoder)
    before = frozen(training.method)
    training.method.after_step(step)
    assert (frozen(training.method) != before) == (name not in FORGETFUL)
    assert frozen(training.encoder) == weights


@pytest.mark.parametrize("cameras", [True, False])
def test_batches_are_full_and_hold_no_noise_where_clusters_are_learned(name, begin, cameras):
    training, plan = begin(name, cameras)
    assert (training.crops.cameras is not None) == cameras
    labels, sampler = plan.clustering.labels.labels, training.recipe.method.sampler
    batches = list(plan.batches)
    assert len(batches) == training.recipe.train.iterations
    for rows in batches:
        assert len(rows) == sampler.clusters_per_batch * sampler.images_per_cluster
        if name == "global-patch":  # its bank learns from every crop; clusters are there to be looked at
            assert len(set(rows.tolist())) == len(rows)
        else:
            assert not np.any(labels[rows.numpy()] == NOISE)
        assert len(set(labels[rows.numpy()].tolist())) <= sampler.clusters_per_batch
    assert torch.isfinite(training.method.losses(first_batch(*begin(name, cameras))).loss)


def test_same_seed_same_features(name, recipe_of, crowd, tmp_path):
    recipe = recipe_of(name)
    one_round = recipe.model_copy(update={"train": recipe.train.model_copy(update={"rounds": 1})})
    runs = [reseen.train(one_round, crowd, tmp_path / place, quiet=True) for place in ("a", "b")]
    files = [reseen.embed(run, crowd, run.folder / "vectors.parquet", quiet=True) for run in runs]
    import pyarrow.parquet as pq

    first, second = (pq.read_table(file) for file in files)
    assert first["vector"].equals(second["vector"])


def test_a_stopped_run_goes_on_to_the_same_bits(name, recipe_of, crowd, tmp_path, monkeypatch):
    recipe = recipe_of(name, **({"rounds_before_merging": 1} if name == "progressive" else {}))
    recipe = recipe.model_copy(update={"train": recipe.train.model_copy(update={"rounds": 3})})
    whole = reseen.train(recipe, crowd, tmp_path / "whole", quiet=True)
    train_round = fit.train_round

    def stopped_in_round_three(training, plan, number, view):
        if number == 3:
            raise KeyboardInterrupt
        return train_round(training, plan, number, view)

    monkeypatch.setattr(fit, "train_round", stopped_in_round_three)
    with pytest.raises(KeyboardInterrupt):
        reseen.train(recipe, crowd, tmp_path / "cut", quiet=True)
    monkeypatch.undo()
    resumed = reseen.train(recipe, crowd, tmp_path / "cut", resume=True, quiet=True)
    one, other = (read_checkpoint(run.folder / CHECKPOINT)[0] for run in (whole, resumed))
    assert set(one) == set(other)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert [row["clusters"] for row in whole.log] == [row["clusters"] for row in resumed.log]


def test_answers_of_a_person_are_in_the_labels_of_every_round(name, recipe_of, crowd, tmp_path):
    if name == "source":
        pytest.skip("takes the labels that it is given, and refuses answers (see its own tests)")
    table = reseen.read_training(crowd)
    pairs = {"same": [(0, 40), (3, 70)], "different": [(1, 2), (1, 41)]}
    said = [
        Answer("s", "x", word, tuple(table.texts[row] for row in pair))
        for word in pairs
        for pair in pairs[word]
    ]
    write_answers(tmp_path / "answers.csv", said)
    recipe = recipe_of(name)
    told = recipe.data.model_copy(update={"constraints": tmp_path / "answers.csv"})
    training = set_up(recipe.model_copy(update={"data": told}), table, tmp_path / "run", quiet=True)
    features = extract(training.encoder, training.crops, torch.device("cpu"))
    plan = training.method.begin_round(features, recipe.train.iterations)
    labels = plan.clustering.labels.labels
    for first, second in pairs["same"]:
        assert labels[first] == labels[second] >= 0
    for first, second in pairs["different"]:
        assert labels[first] != labels[second] or labels[first] == NOISE
    assert any(note.startswith("answers merged") for note in plan.clustering.notes)
    assert set(first_batch(training, plan).labels.tolist()) <= set(labels.tolist())


def test_reclustering_gives_the_same_clusters_twice(name, begin):
    training, _ = begin(name)
    features = extract(training.encoder, training.crops, torch.device("cpu"))
    first, again = (training.method.recluster(features).labels.labels for _ in range(2))
    assert (first == again).all()
    assert len(first) == len(features)


def test_the_trunk_computes_in_the_precision_that_is_asked_for_and_vectors_are_float32(
    name, recipe_of, crowd, tmp_path
):
    recipe = recipe_of(name)
    train = recipe.train.model_copy(update={"precision": "bf16-mixed"})
    table = reseen.read_training(crowd)
    training = set_up(recipe.model_copy(update={"train": train}), table, tmp_path / "run", quiet=True)
    seen = set()
    for encoder in training.method.encoders():
        blocks = getattr(encoder, "module", encoder).trunk.get_submodule("blocks.0")
        blocks.register_forward_hook(lambda _module, _given, output: seen.add(output.dtype))
    features = extract(training.method.extractor(), training.crops, torch.device("cpu"))
    step = training.method.losses(first_batch(training, training.method.begin_round(features, 1)))
    step.loss.backward()
    assert seen == {torch.bfloat16}
    assert any("emulates bf16" in note for note in training.notes) != knows_bfloat16()
    assert features.vectors.dtype == step.features.dtype == step.loss.dtype == torch.float32


def test_the_clusters_of_an_audit_are_those_of_the_features_it_is_given(name, begin):
    training, _ = begin(name)
    features = extract(training.encoder, training.crops, torch.device("cpu"))
    before = training.method.recluster(features).labels.labels
    order = (
        np.arange(len(before)).reshape(-1, 2)[:, ::-1].ravel()
    )  # every other crop gets its neighbor's features
    turned = type(features)(features.vectors[torch.from_numpy(order.copy())], raw=features.raw)
    after = training.method.recluster(turned).labels.labels
    if name not in {"source", "progressive"}:  # a person's labels; everyone alone at first
        assert not np.array_equal(after, before)

"""Extended samples in every method that contrasts with centroids."""

import pytest
import torch

from reseen.errors import SettingsError
from reseen.losses import cluster_contrast, extend_samples, extension_step
from reseen.methods.implicit_extension import ImplicitExtension, ImplicitExtensionSettings
from reseen.records import to_index_tensor
from reseen.runs.recipe import load_recipe
from reseen.training.loop import make_batch

FLAG = "--method.implicit-extension.weight 0.5"


def first_batch(training, plan):
    training.encoder.train()
    return make_batch(training, next(iter(plan.batches)), to_index_tensor(plan.clustering.labels.labels))


def test_the_term_is_the_weighted_contrast_of_samples_moved_by_the_share_of_training_done(begin):
    training, plan = begin("cluster-contrast", implicit_extension={"weight": 0.5, "degree": 2.0})
    batch, method = first_batch(training, plan), training.method
    centroids, total = method.memory.vectors, method.context.steps
    assert total == training.recipe.train.rounds * training.recipe.train.iterations
    for done in (0, 1):
        step = method.losses(batch)
        samples = extend_samples(step.features, step.labels, centroids, extension_step(done / total, 2.0))
        expected = 0.5 * cluster_contrast(samples, step.labels, centroids, 0.05)
        torch.testing.assert_close(step.terms["extension"].detach(), expected)
        method.after_step(step)
        centroids = method.memory.vectors


@pytest.mark.parametrize("values", [{}, {"implicit_extension": {"weight": 0.5, "from_round": 2}}])
def test_without_it_or_before_its_first_round_nothing_is_added(begin, values):
    training, plan = begin("cluster-contrast", **values)
    assert set(training.method.losses(first_batch(training, plan)).terms) == {"contrast"}
    assert set(training.method.state()) == ({"steps"} if values else set())


def test_it_begins_in_the_round_that_the_settings_name():
    extension = ImplicitExtension(ImplicitExtensionSettings(weight=1, from_round=3))
    features, labels = torch.eye(3), torch.arange(3)
    found = []
    for number in (1, 2, 3, 4):
        extension.begin_round(number)
        found.append(extension.samples(features, labels, torch.eye(3), 0.5) is not None)
    assert found == [False, False, True, True]


@pytest.mark.parametrize(
    ("recipe", "flags", "named"),
    [
        ("cluster-contrast", "--method.implicit-extension.degree 2", "set method.implicit_extension.weight"),
        ("cluster-contrast", f"{FLAG} --method.implicit-extension.from-round 3 --train.rounds 2",
         "set train.rounds to 3 or more"),
        ("maskpre", f"{FLAG} --method.classes classifier", "set method.classes to centroids"),
    ],
)  # fmt: skip
def test_a_setting_without_effect_is_refused(recipe, flags, named):
    with pytest.raises(SettingsError, match=named):
        load_recipe(recipe, flags.split())

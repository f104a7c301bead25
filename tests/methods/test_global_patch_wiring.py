"""What `global-patch` passes to its losses and memories, against sums written out."""

import math

import numpy as np
import pytest
import torch

import reseen
from reseen.cluster import center_cameras, cluster_features
from reseen.cluster.clusterings import DbscanClustering
from reseen.features.extract import extract
from reseen.geometry import unit
from reseen.methods.global_patch_settings import GlobalPatchSettings
from reseen.neighbors import credible_neighbors
from reseen.records import Features, to_index_tensor
from reseen.runs.checkpoint import CHECKPOINT, read_checkpoint
from reseen.training.loop import make_batch
from reseen.training.setup import set_up

WHOLE_ALONE = {"discrimination": {"weight": 0}, "image_patches": {"weight": 0}}


def first_batch(training, plan):
    training.encoder.train()
    labels = to_index_tensor(plan.clustering.labels.labels)
    return make_batch(training, next(iter(plan.batches)), labels)


def banks(training):
    state = training.method.state()
    return {
        name.removeprefix("bank."): rows.clone() for name, rows in state.items() if name.startswith("bank.")
    }


def whole_features(training):
    features = extract(training.encoder, training.crops, torch.device("cpu"))
    return Features(unit(features.vectors[:, : training.encoder.channels]))


def test_memories_start_as_the_features_of_a_first_pass(begin):
    training, _ = begin("global-patch")
    encoder, found = training.encoder, banks(training)
    vectors = extract(encoder, training.crops, torch.device("cpu")).vectors
    whole, parts = vectors.split([encoder.channels, 2 * 8], dim=1)
    patches = unit(parts.unflatten(1, (2, 8)))
    torch.testing.assert_close(found["whole"], unit(whole))
    torch.testing.assert_close(found["patches"], patches)
    weight = torch.nn.functional.normalize(training.method.state()["projection"], dim=2)
    centers = torch.cat([patches[:, p] @ weight[p].T for p in range(2)], dim=1)
    torch.testing.assert_close(found["centers"], centers)


@pytest.mark.parametrize("pull_to", ["nearest", "credible"])
def test_patches_are_compared_with_their_memory_as_the_batch_will_have_left_it(begin, pull_to):
    settings = {"weight": 0.7, "momentum": 0.6, "neighbors": 3, "pull_to": pull_to}
    training, plan = begin(
        "global-patch", discrimination=settings, credible={"count": 4, "threshold": -1, "mutual": False}
    )
    encoder, batch = training.encoder, first_batch(training, plan)
    method, memory = training.method, banks(training)["patches"]
    found = float(method.losses(batch).terms["patches"])
    patches = encoder.embed_patches(encoder.maps(batch.images)).detach()[:8].double()
    rows, memory = batch.rows[:8].tolist(), memory.double()
    for row, vector in zip(rows, patches, strict=True):
        memory[row] = 0.6 * memory[row] + 0.4 * vector
    each = []
    for row, vector in zip(rows, patches, strict=True):
        for at in range(2):
            terms = {
                j: math.exp(-15 * float((vector[at] - memory[j, at]).square().sum()))
                for j in range(len(memory))
                if j != row
            }
            nearest = sorted(terms.values(), reverse=True)[:3]
            told = method._neighbors[row].tolist()
            pulled = nearest if pull_to == "nearest" else [terms[j] for j in told]
            each.append(-math.log(sum(pulled) / sum(terms.values())))
    assert found == pytest.approx(0.7 * sum(each) / len(each), rel=1e-4)


@pytest.mark.parametrize("ramp", [False, True])
def test_after_a_step_each_memory_has_moved_by_its_own_momentum(begin, ramp):
    training, plan = begin(
        "global-patch",
        momentum=0.5,
        ramp=ramp,
        discrimination={"momentum": 0.8},
        image_patches={"momentum": 0.3, "dimension": 4},
    )
    method, encoder = training.method, training.encoder
    steps = method.context.steps
    for step in range(3):
        before, batch = banks(training), first_batch(training, plan)
        method.after_step(method.losses(batch))
        rows, maps = batch.rows[:8], encoder.maps(batch.images)
        patches = encoder.embed_patches(maps).detach()
        weight = torch.nn.functional.normalize(method.state()["projection"], dim=2)
        both = torch.cat([patches[:, p] @ weight[p].T for p in range(2)], dim=1)
        momentum = 0.5 * step / steps if ramp else 0.5
        expected = {
            "whole": unit(
                momentum * before["whole"][rows] + (1 - momentum) * encoder.embed(maps).detach()[:8]
            ),
            "patches": 0.8 * before["patches"][rows] + 0.2 * patches[:8],
            "centers": 0.3 * before["centers"][rows] + 0.7 * (both[:8] + both[8:]) / 2,
        }
        after = banks(training)
        assert set(after) == set(expected)
        for name, value in expected.items():
            torch.testing.assert_close(after[name][rows], value, msg=name, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("views", ["first", "all"])
def test_whole_images_learn_from_the_views_that_are_asked_for(begin, views):
    training, plan = begin("global-patch", global_views=views, warmup=1)
    batch, encoder = first_batch(training, plan), training.encoder
    found = training.method.losses(batch).terms["global"]
    vectors = encoder.embed(encoder.maps(batch.images))
    taken = vectors if views == "all" else vectors[:8]
    rows = torch.cat([batch.rows[:8]] * (len(taken) // 8))
    logits = taken @ banks(training)["whole"].T / 0.05
    torch.testing.assert_close(found, torch.nn.functional.cross_entropy(logits, rows))


def test_neighbors_are_looked_up_in_features_without_their_cameras_where_that_is_asked_for(begin):
    found = {}
    for centered in (True, False):
        training, _ = begin("global-patch", center_cameras=centered)
        whole = whole_features(training)
        looked_at = center_cameras(whole, training.crops.cameras) if centered else whole
        expected = credible_neighbors(looked_at, training.recipe.method.credible)
        found[centered] = training.method._neighbors.numpy()
        assert np.array_equal(found[centered], expected)
    assert not np.array_equal(found[True], found[False])


def test_a_warmup_ends_at_its_share_of_the_training(begin):
    training, plan = begin("global-patch", warmup=0.5, **WHOLE_ALONE)
    method, rows = training.method, torch.arange(4)
    steps, batch = method.context.steps, first_batch(training, plan)
    has_neighbors = []
    for _ in range(steps):
        has_neighbors.append(method._neighbors_of(rows) is not None)
        method.after_step(method.losses(batch))
    assert steps == 6
    assert has_neighbors == [False] * 3 + [True] * 3


def test_a_projection_learns_where_it_should_and_goes_on_after_a_stop(
    recipe_of, crowd, tmp_path, monkeypatch
):
    drawn = {}
    for learns in (True, False):
        recipe = recipe_of("global-patch", image_patches={"dimension": 4, "learn_projection": learns})
        training = set_up(recipe, reseen.read_training(crowd), tmp_path / "none", quiet=True)
        before = training.method.state()["projection"].clone()
        run = reseen.train(recipe, crowd, tmp_path / str(learns), quiet=True)
        after = read_checkpoint(run.folder / CHECKPOINT)[0]["method.projection"]
        drawn[learns] = not torch.equal(before, after)
    assert drawn == {True: True, False: False}


def test_clusters_to_look_at_are_those_of_cluster_contrast(begin):
    clusters = {"clustering": {"eps": "auto", "jaccard": {"k1": 8, "k2": 3}}}
    training, plan = begin("global-patch", clusters=clusters, center_cameras=True)
    settings = GlobalPatchSettings.model_validate({"clusters": clusters}).clusters.clustering
    centered = center_cameras(whole_features(training), training.crops.cameras)
    expected = cluster_features(centered, settings.jaccard, settings)
    assert np.array_equal(plan.clustering.labels.labels, expected.labels.labels)
    assert 1 < plan.clustering.labels.cluster_count < len(centered) / 2


def test_training_goes_on_where_there_is_no_cluster_to_look_at(begin, monkeypatch):
    from reseen.errors import TrainingError

    def none(*_arguments):
        raise TrainingError("everything is noise")

    monkeypatch.setattr(DbscanClustering, "cluster", none)
    training, plan = begin("global-patch")
    assert any(note.endswith("neighbors instead: everything is noise") for note in plan.clustering.notes)
    assert torch.isfinite(training.method.losses(first_batch(training, plan)).loss)


@pytest.mark.parametrize(("threshold", "few"), [(0.9999, True), (-1.0, False)])
def test_the_log_says_how_many_have_neighbors_and_what_helps_where_few_do(begin, threshold, few):
    _, plan = begin("global-patch", credible={"count": 4, "threshold": threshold})
    (note,) = (note for note in plan.clustering.notes if "of the images have credible neighbors" in note)
    assert ("lower method.credible.threshold" in note) == few

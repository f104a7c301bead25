"""Steps on kept views are those on the same augmented pixels, and runs that keep views go on to the same bits."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.conftest import SEED

import reseen
from reseen.data.views import augment
from reseen.errors import SettingsError
from reseen.features.extract import extract, unwrap
from reseen.features.frozen_maps import FrozenMaps
from reseen.methods import METHODS, AbstractMethod, Round
from reseen.models.frozen_stages import frozen_output, given_frozen_output
from reseen.records import Batch, to_index_tensor
from reseen.runs.checkpoint import CHECKPOINT, read_checkpoint
from reseen.runs.console import RunView, no_progress
from reseen.runs.recipe import Recipe
from reseen.training import kept_views
from reseen.training.frozen import prepare_frozen
from reseen.training.kept_views import NO_PLACE, KeptViews
from reseen.training.loop import Training, make_batch, train_round
from reseen.training.optimizer import learning_rate, set_learning_rate
from reseen.training.setup import check_fit, check_together, set_up

FLAGS = """
--model.backbone test_resnet --model.weights none --model.norm-group 8 --model.frozen-stages 2
--data.height 64 --data.width 32 --train.rounds 3 --train.iterations 2 --train.schedule constant --train.device cpu
--method.clustering.jaccard.k1 8 --method.clustering.jaccard.k2 3 --method.clustering.eps auto
--method.sampler.clusters-per-batch 4 --method.sampler.images-per-cluster 4
""".split()  # noqa: SIM905


def recipe_with(*more):
    """The recipe of `FLAGS` with more flags, which replace those of the same name."""
    flags = dict(zip(FLAGS[::2], FLAGS[1::2], strict=True)) | dict(zip(more[::2], more[1::2], strict=True))
    return reseen.load_recipe(
        "cluster-contrast", [word for flag in ({"--seed": str(SEED)} | flags).items() for word in flag]
    )


def begun(recipe, crowd, folder):
    """A training whose first round has clusters, and whose views are kept if the recipe says so."""
    training = set_up(recipe, reseen.read_training(crowd), folder, quiet=True)
    prepare_frozen([training.encoder, *training.method.encoders()], training.crops, recipe)
    features = extract(training.encoder, training.crops, torch.device("cpu"))
    plan = training.method.begin_round(features, recipe.train.iterations)
    kept = KeptViews.of_recipe(recipe, len(training.crops))
    return replace(training, kept_views=kept), plan


def fill(training: Training, number=1):
    kept = training.kept_views
    assert kept is not None
    assert kept.begin_round(
        number, training.encoder, training.crops, torch.device("cpu"), lambda _name, _total: no_progress
    )
    return kept


def tensors(run):
    return read_checkpoint(run.folder / CHECKPOINT)[0]


def same(first, second):
    return set(first) == set(second) and all(torch.equal(first[key], second[key]) for key in first)


def pixels_of_views(training: Training, period=0):
    """The augmented pixels of every kept view, made as slowly and plainly as can be: batch by batch, view by view."""
    recipe, plain = training.recipe, unwrap(training.encoder)
    seed = int(np.random.SeedSequence((recipe.seed, period)).generate_state(1, np.uint64)[0]) // 2
    generator = torch.Generator().manual_seed(seed)
    views = [[] for _ in range(recipe.train.kept_views)]
    for first in range(0, len(training.crops), 25):
        rows = torch.arange(first, min(first + 25, len(training.crops)))
        for of_view in views:
            pixels = training.crops.images(rows)
            of_view.append(augment(pixels, recipe.augmentation, plain.mean, plain.std, generator))
    return torch.stack([torch.cat(of_view) for of_view in views])  # views, rows, 3, h, w


def test_a_single_view_is_the_same_in_every_batch(crowd, tmp_path):
    training, _ = begun(recipe_with("--train.kept-views", "1"), crowd, tmp_path)
    kept, rows = fill(training), torch.tensor([5, 0, 5])
    generator = torch.Generator().manual_seed(SEED)
    first = kept.draw(rows, generator)
    assert torch.equal(first[0], first[2])
    assert not torch.equal(first[0], first[1])
    fill(training, 3)  # a later round, without a refresh
    for _ in range(5):
        assert torch.equal(kept.draw(rows, generator), first)


def test_each_of_several_views_is_drawn_about_equally_often(crowd, tmp_path):
    training, _ = begun(recipe_with("--train.kept-views", "3"), crowd, tmp_path)
    drawn = fill(training).draw(torch.zeros(300, dtype=torch.int64), torch.Generator().manual_seed(SEED))
    _, counts = torch.unique(drawn.flatten(1), dim=0, return_counts=True)
    assert len(counts) == 3
    assert int(counts.min()) > 50  # 100 are expected, with a standard deviation of 8


def test_views_are_made_anew_at_the_start_of_a_period(crowd, tmp_path):
    training, _ = begun(recipe_with("--train.kept-views", "2", "--train.refresh-views", "2"), crowd, tmp_path)
    rows, names = torch.arange(4), []

    def phase(name, total):
        assert total == 2 * len(training.crops)
        names.append(name)
        return no_progress

    drawn = []
    for number in (1, 2, 3, 1):
        training.kept_views.begin_round(number, training.encoder, training.crops, torch.device("cpu"), phase)
        drawn.append(training.kept_views.draw(rows, torch.Generator().manual_seed(SEED)))
    assert names == ["round 1: views kept", "round 3: views kept", "round 1: views kept"]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[1], drawn[2])
    assert torch.equal(drawn[0], drawn[3])  # a period's views depend on its number alone


def test_nothing_can_be_drawn_before_a_round_begins(crowd, tmp_path):
    training, _ = begun(recipe_with("--train.kept-views", "2"), crowd, tmp_path)
    with pytest.raises(LookupError, match="no views are kept before begin_round"):
        training.kept_views.draw(torch.arange(2), torch.Generator())


def slow_steps(training, batches, labels, pixels):
    """Steps on the pixels of the kept views, each passed through the whole encoder; returns the mean contrast."""
    settings, crops, losses = training.recipe.train, training.crops, []
    training.encoder.train()
    for step, rows in enumerate(batches):
        set_learning_rate(training.optimizer, learning_rate(settings, step))
        views = torch.randint(len(pixels), (len(rows),), generator=training.generator)
        cameras = to_index_tensor(crops.cameras)[rows]
        result = training.method.losses(Batch(pixels[views, rows], rows, labels[rows], cameras))
        result.loss.backward()
        training.optimizer.step()
        training.optimizer.zero_grad()
        training.method.after_step(result)
        losses.append(float(result.terms["contrast"].detach()))
    return sum(losses) / len(losses)


def weights_and_statistics(training):
    return copy.deepcopy(unwrap(training.encoder).state_dict())


@pytest.mark.parametrize("precision", ["32", "bf16-mixed", "auto"])
def test_steps_are_those_on_the_same_pixels(crowd, tmp_path, precision, monkeypatch):
    monkeypatch.setattr(kept_views, "BATCH", 25)
    recipe = recipe_with(
        "--train.kept-views", "2", "--train.precision", precision, "--train.optimizer", "sgd",
        "--train.learning-rate", "1e-4",
    )  # fmt: skip
    (training, plan), (slow, _) = (begun(recipe, crowd, tmp_path / name) for name in ("kept", "slow"))
    start, batches = weights_and_statistics(training), list(plan.batches)
    labels = to_index_tensor(plan.clustering.labels.labels)
    fill(training)
    slow.generator.set_state(training.generator.get_state())
    losses, _ = train_round(training, Round(plan.clustering, batches), 1, RunView(1, quiet=True))
    wanted_loss = slow_steps(slow, batches, labels, pixels_of_views(training))
    assert torch.equal(
        training.generator.get_state(), slow.generator.get_state()
    )  # drawn: which view, no more
    assert losses["contrast"] == pytest.approx(wanted_loss, rel=0.02)
    found, wanted = weights_and_statistics(training), weights_and_statistics(slow)
    frozen = tuple(f"trunk.{stage}." for stage in unwrap(training.encoder).frozen)
    learned = {name for name, one in unwrap(training.encoder).named_parameters() if one.requires_grad}
    for name, value in start.items():
        if name.startswith(frozen):  # nothing of a frozen stage moves, statistics included
            assert torch.equal(found[name], value), name
        elif "running" in name:  # trainable norms see the batch
            assert not torch.equal(found[name], value), name
            torch.testing.assert_close(
                found[name], wanted[name], rtol=0.05, atol=0.05 * float(wanted[name].abs().max())
            )
    moved = [
        torch.cat([(one[name] - start[name]).flatten() for name in sorted(learned)])
        for one in (found, wanted)
    ]
    assert float(moved[1].norm()) > 0
    assert float((moved[0] - moved[1]).norm() / moved[1].norm()) < 0.2  # maps in bfloat16 have eight bits


@pytest.mark.parametrize("name", sorted(name for name in METHODS if METHODS[name].method.takes_kept_views))
def test_methods_need_nothing_but_the_output(recipe_of, crowd, tmp_path, name):
    """Losses of blank images, given the output of the frozen stages for others, are the losses of these others."""
    own = {"image_patches": {"surrogate": False, "dimension": 4}} if name == "global-patch" else {}
    recipe = recipe_of(name, **own)
    model = recipe.model.model_copy(update={"backbone": "test_resnet", "frozen_stages": 2})
    train = recipe.train.model_copy(update={"kept_views": 2})
    recipe = recipe.model_copy(update={"model": model, "train": train})
    training, plan = begun(recipe, crowd, tmp_path)
    method, encoders = training.method, [training.encoder, *training.method.encoders()]
    labels = to_index_tensor(plan.clustering.labels.labels)
    batch = make_batch(training, next(iter(plan.batches)), labels)
    training.encoder.train()
    buffers = copy.deepcopy(unwrap(training.encoder).state_dict())
    plain = {key: float(value.detach()) for key, value in method.losses(batch).terms.items()}
    unwrap(training.encoder).load_state_dict(buffers)
    output = frozen_output(training.encoder, batch.images)
    blank = torch.zeros_like(batch.images)
    with given_frozen_output(encoders, output):
        given = {
            key: float(value) for key, value in method.losses(replace(batch, images=blank)).terms.items()
        }
    assert given == pytest.approx(plain, rel=1e-4, abs=1e-5)
    assert unwrap(training.encoder).front is None


@pytest.mark.parametrize("precision", ["32", "auto"])
@pytest.mark.parametrize("refresh", [(), ("--train.refresh-views", "2")])
def test_a_stopped_run_goes_on_to_the_same_bits(crowd, tmp_path, precision, refresh):
    recipe = recipe_with("--train.kept-views", "2", *refresh, "--train.precision", precision)
    whole = reseen.train(recipe, crowd, tmp_path / "whole", quiet=True)

    class StopError(Exception):
        """The process is killed in the second round, in the middle of a period."""

    def stop(number, _labels):
        if number == 2:
            raise StopError

    with pytest.raises(StopError):
        reseen.train(recipe, crowd, tmp_path / "run", quiet=True, on_clusters=stop)
    resumed = reseen.train(recipe, crowd, tmp_path / "run", quiet=True, resume=True)
    assert resumed.rounds_done == 3
    assert same(tensors(whole), tensors(resumed))


def test_kept_views_train_otherwise_than_fresh_ones_and_only_if_asked_for(crowd, tmp_path, monkeypatch):
    fresh = reseen.train(recipe_with(), crowd, tmp_path / "fresh", quiet=True)
    kept = reseen.train(recipe_with("--train.kept-views", "2"), crowd, tmp_path / "kept", quiet=True)
    assert not same(tensors(fresh), tensors(kept))

    def never(*_arguments):
        raise AssertionError("views are kept without being asked for")

    monkeypatch.setattr(KeptViews, "begin_round", never)
    monkeypatch.setattr(KeptViews, "given", never)
    assert same(tensors(fresh), tensors(reseen.train(recipe_with(), crowd, tmp_path / "again", quiet=True)))


def test_without_room_training_goes_on_with_fresh_views_and_says_so_once(crowd, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(RunView, "say", lambda _self, *lines: said.extend(lines))
    fresh = reseen.train(recipe_with(), crowd, tmp_path / "fresh", quiet=True)
    assert NO_PLACE not in said
    tight = recipe_with("--train.kept-views", "2", "--data.cache-gigabytes", "1e-6")
    without = reseen.train(tight, crowd, tmp_path / "tight", quiet=True)
    assert said.count(NO_PLACE) == 1
    assert same(tensors(fresh), tensors(without))
    said.clear()
    monkeypatch.setattr(FrozenMaps, "open_if_possible", lambda *_arguments: None)  # as without a folder
    folder = tmp_path / "nowhere"
    nowhere = reseen.train(recipe_with("--train.kept-views", "2"), crowd, folder, quiet=True)
    assert said.count(NO_PLACE) == 1
    assert same(tensors(fresh), tensors(nowhere))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--model.frozen-stages", "0"), r"train\.kept_views: has no effect where model\.frozen_stages is 0"),
        (
            ("--data.cache-gigabytes", "0"),
            r"train\.kept_views: has no effect where data\.cache_gigabytes is 0",
        ),
        (("--train.compile", "true"), r"train\.kept_views: has no effect where train\.compile is true"),
        (
            ("--train.refresh-views", "3"),
            r"train\.refresh_views: has no effect where train\.rounds is 3; leave it out, or set train\.rounds above 3",
        ),
    ],
)
def test_settings_without_effect_are_refused(flags, message):
    with pytest.raises(SettingsError, match=message):
        recipe_with("--train.kept-views", "2", *flags)


def test_a_refresh_needs_kept_views():
    message = r"train\.refresh_views: has no effect where train\.kept_views is null"
    with pytest.raises(SettingsError, match=message):
        recipe_with("--train.refresh-views", "2")


@pytest.mark.parametrize(
    ("name", "method", "second"),
    [
        ("maskpre", {"augmentations": 2}, "method.augmentations"),
        ("global-patch", {}, "method.image_patches.surrogate"),
    ],
)
def test_methods_with_two_views_are_refused(name, method, second):
    values = {"method": {"name": name, **method}, "train": {"kept_views": 2}, "model": {"frozen_stages": 2}}
    if name == "global-patch":
        values["model"]["patches"] = {"count": 6}
    with pytest.raises(SettingsError, match=r"two views of every crop.*train with one view") as caught:
        check_fit(Recipe.parse(values, "test"))
    assert second in str(caught.value)


def test_a_method_that_does_not_declare_it_is_refused(monkeypatch):
    assert not AbstractMethod.takes_kept_views
    monkeypatch.setattr(METHODS["sphere"].method, "takes_kept_views", False)
    values = {"method": {"name": "sphere"}, "train": {"kept_views": 2}, "model": {"frozen_stages": 2}}
    with pytest.raises(SettingsError, match=r"train\.kept_views: sphere does not declare.*cluster-contrast"):
        check_fit(Recipe.parse(values, "test"))


def test_several_processes_are_refused():
    check_together(recipe_with("--train.kept-views", "2"), 1)
    with pytest.raises(SettingsError, match=r"leave out train\.kept_views or --devices"):
        check_together(recipe_with("--train.kept-views", "2"), 2)


def test_a_backbone_that_cannot_be_cut_is_refused(crowd, tmp_path):
    recipe = recipe_with(
        "--train.kept-views", "2", "--model.backbone", "test_vit", "--model.norm-group", "null"
    )
    with pytest.raises(SettingsError, match=r"train\.kept_views: test_vit cannot be run from behind"):
        set_up(recipe, reseen.read_training(crowd), tmp_path, quiet=True)

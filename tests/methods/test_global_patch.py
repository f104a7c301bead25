"""What `global-patch` does beyond what every method does."""

import pytest
import torch
from pydantic import ValidationError

import reseen
from reseen.errors import DataError, SettingsError
from reseen.losses import PatchMemory, patch_discrimination
from reseen.methods.global_patch_settings import GlobalPatchSettings
from reseen.records import to_index_tensor
from reseen.training.loop import make_batch


def first_batch(training, plan):
    labels = to_index_tensor(plan.clustering.labels.labels)
    training.encoder.train()
    return make_batch(training, next(iter(plan.batches)), labels)


def terms_of(begin, **settings):
    training, plan = begin("global-patch", **settings)
    return set(training.method.losses(first_batch(training, plan)).terms)


def test_each_weight_switches_its_term(begin):
    assert terms_of(begin) == {"global", "patches", "images"}


@pytest.mark.parametrize(
    ("settings", "terms"),
    [
        ({"global_weight": 0}, {"patches", "images"}),
        ({"discrimination": {"weight": 0}}, {"global", "images"}),
        ({"image_patches": {"weight": 0}}, {"global", "patches"}),
    ],
)
def test_a_weight_of_zero_leaves_its_term_out(begin, settings, terms):
    assert terms_of(begin, **settings) == terms


def test_there_is_a_second_view_only_where_something_learns_from_it(begin):
    training, plan = begin("global-patch")
    assert training.method.views == 2
    assert len(first_batch(training, plan).images) == 16


@pytest.mark.parametrize("settings", [{"surrogate": False}, {"weight": 0}])
def test_there_is_one_view_without_surrogates(begin, settings):
    training, plan = begin("global-patch", image_patches=settings)
    assert len(first_batch(training, plan).images) == 8
    assert torch.isfinite(training.method.losses(first_batch(training, plan)).loss)


def test_memories_start_at_the_first_features_and_change_in_the_rows_of_the_batch_alone(begin):
    training, plan = begin("global-patch", momentum=0.5, ramp=False)
    method = training.method
    before = {name: value.clone() for name, value in method.state().items() if name.startswith("bank.")}
    batch = first_batch(training, plan)
    method.after_step(method.losses(batch))
    rows = batch.rows[:8]
    others = torch.ones(len(before["bank.whole"]), dtype=torch.bool)
    others[rows] = False
    for name, value in method.state().items():
        if name in before:
            assert torch.equal(value[others], before[name][others]), name
            assert not torch.equal(value[rows], before[name][rows]), name
    torch.testing.assert_close(method.state()["bank.whole"].norm(dim=1), torch.ones(len(others)))


def test_nobody_but_the_image_is_credible_during_warmup(begin):
    training, plan = begin(
        "global-patch", warmup=1, discrimination={"weight": 0}, image_patches={"weight": 0}
    )
    batch = first_batch(training, plan)
    method = training.method
    vectors = training.encoder.embed(training.encoder.maps(batch.images))
    bank = method.state()["bank.whole"]
    expected = torch.nn.functional.cross_entropy(vectors @ bank.T / 0.05, batch.rows)
    torch.testing.assert_close(method.losses(batch).terms["global"], expected)


def test_the_patch_loss_of_one_patch_does_not_reach_the_embedding_of_another(begin):
    training, plan = begin("global-patch", global_weight=0, image_patches={"weight": 0})
    encoder = training.encoder
    batch = first_batch(training, plan)
    patches = encoder.embed_patches(encoder.maps(batch.images))
    rows = training.method.state()["bank.patches"][:, 1]
    changed = batch.rows.sort().values
    memory = PatchMemory(rows, changed, rows[changed])
    patch_discrimination(patches[:, 1], batch.rows, memory, 3, 15.0).backward()
    gradient = encoder.patches.embedding.grad
    assert bool(gradient[1].any())
    assert not bool(gradient[0].any())


def test_the_image_loss_sees_both_views_of_a_crop_as_its_own(begin):
    training, plan = begin("global-patch")
    method, encoder, state = training.method, training.encoder, training.method.state()
    batch = first_batch(training, plan)
    found = method.losses(batch).terms["images"]
    settings = training.recipe.method.image_patches
    patches = encoder.embed_patches(encoder.maps(batch.images)).detach()
    weight = torch.nn.functional.normalize(state["projection"], dim=2)
    embeddings = torch.cat([patches[:, p] @ weight[p].T for p in range(patches.shape[1])], dim=1)
    rows = batch.rows[:8]
    mean = (embeddings[:8] + embeddings[8:]) / 2
    centers = settings.momentum * state["bank.centers"][rows] + (1 - settings.momentum) * mean
    losses = []
    for view in range(16):
        own = view % 8  # all first views, then all second
        apart = [float((embeddings[view] - center).norm()) for center in centers]
        walk = sorted((i for i in range(8) if i != own), key=lambda i: apart[i])[: settings.reach]
        between = torch.cdist(centers, centers).fill_diagonal_(-1)
        true = [i for i in walk if own not in between[i].argsort()[: settings.nearest].tolist()]
        pushed = apart[true[0]] if true else 0.0
        losses.append(max(0.0, settings.margin + apart[own] - pushed))
    assert float(found.detach()) == pytest.approx(settings.weight * sum(losses) / 16, rel=1e-4)


def test_a_frozen_localization_head_is_what_it_was_after_training(recipe_of, crowd, tmp_path):
    recipe = recipe_of("global-patch")
    patches = recipe.model.patches.model_copy(update={"generator": "frozen"})
    model = recipe.model.model_copy(update={"patches": patches})
    heads = []
    for rounds in (0, 1):
        train = recipe.train.model_copy(update={"rounds": rounds})
        changed = recipe.model_copy(update={"model": model, "train": train})
        run = reseen.train(changed, crowd, tmp_path / str(rounds), quiet=True)
        heads.append(run.encoder().patches.localization.state_dict())
    for name, value in heads[0].items():
        assert torch.equal(value, heads[1][name]), name


def test_patches_may_be_pulled_to_credible_neighbors_once_there_are_any(begin):
    settings = {"global_weight": 0, "image_patches": {"weight": 0}, "discrimination": {"pull_to": "credible"}}
    credible = {"source": "shared", "threshold": 0.1, "jaccard": {"k1": 8, "k2": 3}}
    training, plan = begin("global-patch", warmup=0, credible=credible, **settings)
    neighbors = training.method.losses(first_batch(training, plan)).terms["patches"].detach()
    training, plan = begin("global-patch", warmup=1, credible=credible, **settings)
    early = training.method.losses(first_batch(training, plan)).terms["patches"].detach()
    settings["discrimination"] = {"pull_to": "nearest"}
    training, plan = begin("global-patch", warmup=0, credible=credible, **settings)
    nearest = training.method.losses(first_batch(training, plan)).terms["patches"].detach()
    assert neighbors > nearest  # the nearest are nearer than the credible
    torch.testing.assert_close(early, nearest)  # to which patches are pulled while nobody is credible yet


def test_refilled_memories_start_over_in_each_round(begin):
    from reseen.features.extract import extract

    training, plan = begin("global-patch", refill=True)
    method = training.method
    first = method.state()["bank.whole"].clone()
    method.after_step(method.losses(first_batch(training, plan)))
    method.begin_round(extract(training.encoder, training.crops, torch.device("cpu")), 1)
    assert not torch.equal(method.state()["bank.whole"], first)


@pytest.mark.parametrize(
    "settings",
    [
        {"branch": "clusters", "sampler": {"clusters_per_batch": 2, "images_per_cluster": 4}},
        {"credible": {"source": "clusters", "count": 4}},
    ],
)
def test_the_two_arms_beyond_the_paper_train(begin, settings):
    clusters = {"clustering": {"eps": "auto", "jaccard": {"k1": 8, "k2": 3}}}
    training, plan = begin("global-patch", clusters=clusters, **settings)
    step = training.method.losses(first_batch(training, plan))
    assert torch.isfinite(step.loss)
    training.method.after_step(step)


def test_beside_clusters_patches_may_be_pulled_to_their_cluster(begin):
    training, plan = begin(
        "global-patch",
        branch="clusters",
        sampler={"clusters_per_batch": 2, "images_per_cluster": 4},
        clusters={"clustering": {"eps": "auto", "jaccard": {"k1": 8, "k2": 3}}},
        discrimination={"pull_to": "credible"},
    )
    labels = to_index_tensor(plan.clustering.labels.labels)
    neighbors = training.method._neighbors_of(torch.arange(len(labels)))
    there = neighbors >= 0
    assert there.any()
    assert (labels[neighbors] == labels[:, None])[there].all()
    assert not there[labels < 0].any()
    batch = first_batch(training, plan)
    found = training.method.losses(batch).terms["patches"]
    training.method._neighbors = torch.full_like(neighbors, -1)
    assert abs(found - training.method.losses(batch).terms["patches"]) > 1e-4


def test_a_part_is_scored_alone_and_the_cosine_of_both_is_their_weighted_mean(recipe_of, crowd, tmp_path):
    recipe = recipe_of("global-patch")
    patches = recipe.model.patches.model_copy(update={"weight": 4.0})
    recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update={"patches": patches})})
    run = reseen.train(recipe, crowd, tmp_path / "run", quiet=True)
    images = torch.rand(4, 3, 64, 32)
    vectors = {part: run.encoder(part=part)(images) for part in ("both", "global", "patch")}
    cosines = {part: found @ found.T for part, found in vectors.items()}
    torch.testing.assert_close(cosines["both"], (cosines["global"] + 4 * cosines["patch"]) / 5)
    with pytest.raises(SettingsError, match="has no patches"):
        reseen.open_run(_plain(recipe_of, crowd, tmp_path)).encoder(part="patch")


def _plain(recipe_of, crowd, tmp_path):
    reseen.train(recipe_of("sphere"), crowd, tmp_path / "plain", quiet=True)
    return tmp_path / "plain"


def test_patches_and_methods_must_fit(recipe_of, crowd, tmp_path):
    recipe = recipe_of("global-patch")
    without = recipe.model_copy(update={"model": recipe.model.model_copy(update={"patches": None})})
    with pytest.raises(SettingsError, match=r"global-patch requires patches; set model\.patches\.count"):
        reseen.train(without, crowd, tmp_path / "a", quiet=True)
    other = recipe_of("sphere")
    given = other.model_copy(
        update={"model": other.model.model_copy(update={"patches": recipe.model.patches})}
    )
    with pytest.raises(
        SettingsError,
        match="sphere does not support patches; leave it out, or use the method global-patch, source",
    ):
        reseen.train(given, crowd, tmp_path / "b", quiet=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"credible": {"count": 36}}, "36 crops are too few for method.credible.count, which needs 37"),
        (
            {"discrimination": {"neighbors": 35}},
            "36 crops are too few for method.discrimination.neighbors, which needs 37",
        ),
    ],
)
def test_fewer_crops_than_neighbors_are_refused_before_the_first_pass(
    recipe_of, crowd, tmp_path, settings, message
):
    table = reseen.read_training(crowd).select(range(36))
    with pytest.raises(DataError, match=message):
        reseen.train(recipe_of("global-patch", **settings), table, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "run.json").exists()


@pytest.mark.parametrize(
    ("settings", "uses_neighbors"),
    [
        ({}, True),
        ({"branch": "clusters"}, False),
        ({"branch": "clusters", "discrimination": {"pull_to": "credible"}}, True),
        ({"branch": "clusters", "discrimination": {"pull_to": "credible", "weight": 0}}, False),
    ],
)
def test_crops_are_wanted_for_neighbors_only_where_some_are_looked_up(settings, uses_neighbors):
    settings = GlobalPatchSettings.model_validate(settings)
    assert settings.uses_credible_neighbors == uses_neighbors
    assert ("credible.count" in settings.fewest_crops()) == uses_neighbors


def test_settings_that_learn_nothing_or_contradict_each_other_are_refused():
    with pytest.raises(ValidationError, match="nothing is learned"):
        GlobalPatchSettings.model_validate(
            {"global_weight": 0, "discrimination": {"weight": 0}, "image_patches": {"weight": 0}}
        )
    with pytest.raises(ValidationError, match="one image per row"):
        GlobalPatchSettings.model_validate({"sampler": {"images_per_cluster": 4}})


@pytest.mark.parametrize("part", ["both", "global", "patch"])
def test_reclustering_looks_at_the_features_it_is_given_and_at_no_memory(begin, part):
    from reseen.records import Features

    training, _ = begin("global-patch", center_cameras=False, credible={"count": 2, "threshold": 0.6})
    method, encoder = training.method, training.encoder
    encoder.part = getattr(encoder, "module", encoder).part = part
    vectors = torch.nn.functional.normalize(torch.randn(12, encoder.dimension), dim=1)
    assert len(set(method.recluster(Features(vectors)).labels.labels.tolist())) > 1
    pairs = Features(vectors.repeat_interleave(2, dim=0))
    labels = method.recluster(pairs).labels.labels
    assert (labels[::2] == labels[1::2]).all()


def test_memories_that_no_loss_reads_are_not_kept(begin):
    training, _ = begin("global-patch", discrimination={"weight": 0}, image_patches={"weight": 0})
    assert {key for key in training.method.state() if key.startswith("bank.")} == {"bank.whole"}

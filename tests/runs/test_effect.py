"""A setting that has no effect is an error that names the setting that decides."""

import re

import pytest
from tests.runs.other_values import leaves, other_values, with_value

import reseen
from reseen.cluster.clusterings import HierarchicalClustering
from reseen.conditions import inactive, lies_below, value_at
from reseen.config import read_yaml
from reseen.errors import RunError, SettingsError
from reseen.plan import plan_training
from reseen.runs.recipe import Recipe, load_recipe, shipped_recipes
from reseen.tasks.clustering.cluster_settings import cluster_settings
from reseen.training.optimizer import learning_rate

_HIERARCHY = {"method.clustering.clusters", "method.clustering.distance", "method.clustering.jaccard"}
_CAMERAS = {
    f"method.camera_contrast.{name}"
    for name in ("proxy_temperature", "hardest_negatives", "proxy_momentum", "from_round")
}
_REFINEMENT = {
    *(f"method.implicit_extension.{name}" for name in ("degree", "from_round")),
    *(f"method.neighbor_contrast.{name}" for name in ("neighbors", "temperature", "momentum", "from_round")),
    *(f"method.soft_targets.{name}" for name in ("neighbors", "distance", "jaccard", "from_round")),
}
_OF_HIERARCHY = {"method.tracklets", "method.smallest_cluster"}
_WITHOUT = {
    "auto": {*_REFINEMENT, *_OF_HIERARCHY, "augmentation.warp", "train.iterations", "train.step_rounds"},
    "buc": {*_HIERARCHY, "augmentation.warp", "train.step_rounds"},
    "cluster-contrast": {*_CAMERAS, *_REFINEMENT, *_OF_HIERARCHY, "augmentation.warp"},
    "dbc": {*_HIERARCHY, "augmentation.warp", "train.step_rounds"},
    "demo": {
        *_CAMERAS, *_REFINEMENT, *_OF_HIERARCHY, "augmentation.warp", "model.match_statistics", "train.step_rounds",
    },
    "flagship": {*_REFINEMENT, *_OF_HIERARCHY, "augmentation.warp"},
    "global-patch": {
        *{path.replace("method.", "method.clusters.") for path in _CAMERAS}, "method.clusters.camera_contrast",
        "method.clusters.memory", "method.clusters.temperature", "method.discrimination.neighbors",
        "method.credible_clustering",
        "method.loss.hard_share", "method.loss.pull", "method.loss.self_share",
        "model.patches.channels", "model.patches.reach",
    },
    "hct": {*_HIERARCHY, "augmentation.warp", "method.clustering.weight", "train.step_rounds"},
    "maskpre": {
        *_CAMERAS, *_REFINEMENT, "augmentation.warp", "method.classifier_rate", "method.region_target",
        *_OF_HIERARCHY,
    },
    "progressive": {*_HIERARCHY, "augmentation.warp", "train.step_rounds"},
    "source": {"augmentation.warp"},
    "sphere": {*_HIERARCHY, "augmentation.warp", "train.step_rounds"},
    "sphere-contrast": {*_CAMERAS, *_REFINEMENT, *_HIERARCHY, "augmentation.warp"},
}  # fmt: skip
"""What has no effect in each shipped recipe; read from the code that uses the settings."""


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_of_each_recipe_it_is_known_what_has_no_effect(name):
    recipe = load_recipe(name)
    kept = (
        {"train.refresh_views"} if recipe.model.frozen_stages else {"train.kept_views", "train.refresh_views"}
    )
    assert set(inactive(recipe)) == _WITHOUT[name] | kept
    recipe.check_effect(name)
    assert recipe.effective() == recipe


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_every_setting_of_every_recipe_has_an_effect_or_is_refused_by_name(name):
    recipe, seen = load_recipe(name), 0
    for path in leaves(recipe):
        for value in other_values(recipe, path):
            other, seen = with_value(recipe, path, value), seen + 1
            without = [above for above in inactive(other) if lies_below(path, above)]
            if not without:
                assert value_at(other.effective(), path) == value_at(other, path)
                continue
            with pytest.raises(SettingsError) as caught:
                other.check_effect("mine.yaml")
            found = re.match(
                r"mine\.yaml: ([a-z0-9_.]+): has no effect where ([a-z0-9_.]+) is (\S+); leave it out, or set \2 ",
                str(caught.value),
            )
            assert found, str(caught.value)
            assert lies_below(found[1], path)
            assert found[2] in leaves(other)
            assert other.effective() == recipe.effective()
    assert seen > 30


@pytest.mark.parametrize(
    ("recipe", "flags", "setting", "decides"),
    [
        ("sphere", "--method.clustering.stop steps --method.clustering.clusters 37", "method.clustering.clusters",
         "method.clustering.stop is steps"),
        ("sphere", "--method.clustering.stop clusters --method.clustering.distance 0.4", "method.clustering.distance",
         "method.clustering.stop is clusters"),
        ("sphere-contrast", "--method.clustering.jaccard.k1 20", "method.clustering.jaccard.k1",
         "method.clustering.metric is sqeuclidean"),
        ("sphere-contrast", "--method.clustering.feature raw", "method.clustering.feature", "model.feature is sphere"),
        ("sphere", "--method.clustering.share null --method.clustering.merge chain", "method.clustering.merge",
         "method.clustering.share is null"),
        ("hct", "--method.clustering.weight 0.1", "method.clustering.weight", "method.clustering.regularizer is none"),
        ("sphere", "--method.clustering.weight 0 --method.clustering.regularizer size", "method.clustering.regularizer",
         "method.clustering.weight is 0"),
        ("progressive", "--train.rounds 10 --method.clustering.share 0.1", "method.clustering.share",
         "train.rounds is 10"),
        ("cluster-contrast", "--method.clustering.jaccard.k2 31",
         "method.clustering.jaccard.k2", "method.clustering.jaccard.k1 is 30"),
        ("cluster-contrast", "--augmentation.warp {}", "augmentation.warp", "method.name is cluster-contrast"),
        ("cluster-contrast", "--cameras false --method.center-cameras true", "method.center_cameras",
         "cameras is false"),
        ("cluster-contrast", "--method.camera-contrast.from-round 3", "method.camera_contrast.from_round",
         "method.camera_contrast.proxy_weight is 0"),
        ("cluster-contrast", "--method.implicit-extension.degree 2", "method.implicit_extension.degree",
         "method.implicit_extension.weight is 0"),
        ("cluster-contrast", "--method.soft-targets.share 0.2 --method.soft-targets.jaccard.k1 9",
         "method.soft_targets.jaccard.k1", "method.soft_targets.distance is cosine"),
        ("flagship", "--train.rounds 1 --method.camera-contrast.proxy-weight 1",
         "method.camera_contrast.proxy_weight", "train.rounds is 1"),
        ("cluster-contrast", "--model.start run --model.weights none", "model.weights", "model.start is run"),
        ("cluster-contrast", "--data.cache-gigabytes 0 --data.cache-dir c", "data.cache_dir",
         "data.cache_gigabytes is 0"),
        ("cluster-contrast", "--train.rounds 20 --train.step-rounds 20", "train.step_rounds", "train.rounds is 20"),
        ("cluster-contrast", "--train.schedule cosine --train.step-rounds 9", "train.step_rounds",
         "train.schedule is cosine"),
        ("cluster-contrast", "--train.rounds 4 --train.patience 3", "train.patience", "train.rounds is 4"),
        ("cluster-contrast", "--train.kept-views 4", "train.kept_views", "model.frozen_stages is 0"),
        ("cluster-contrast", "--model.frozen-stages 2 --train.kept-views 4 --data.cache-gigabytes 0",
         "train.kept_views", "data.cache_gigabytes is 0"),
        ("cluster-contrast", "--train.refresh-views 2", "train.refresh_views", "train.kept_views is null"),
        ("cluster-contrast", "--model.frozen-stages 2 --train.kept-views 4 --train.refresh-views 9 --train.rounds 9",
         "train.refresh_views", "train.rounds is 9"),
        ("maskpre", "--method.smallest-cluster 3", "method.smallest_cluster", "method.clustering.name is dbscan"),
        ("cluster-contrast", "--method.tracklets false", "method.tracklets", "method.clustering.name is dbscan"),
        ("sphere", "--method.clustering.name hdbscan --method.smallest-cluster 3", "method.smallest_cluster",
         "method.clustering.name is hdbscan"),
        ("maskpre", "--method.classes classifier --method.memory.momentum 0.2", "method.memory.momentum",
         "method.classes is classifier"),
        ("maskpre", "--method.masked-views 1 --method.mask.block 5", "method.mask.block", "method.masked_views is 1"),
        ("maskpre", "--method.mask.share 0 --method.mask.ramp 0", "method.mask.ramp", "method.mask.share is 0"),
        ("maskpre", "--method.temporal-weight 0 --method.score-with student --method.teacher.momentum 0.9",
         "method.teacher.momentum", "method.score_with is student"),
        ("maskpre", "--method.temporal-weight 0 --method.visual-weight 0 --method.predictor-hidden 9",
         "method.predictor_hidden", "method.visual_weight is 0"),
        ("global-patch", "--method.clusters.temperature 0.1", "method.clusters.temperature", "method.branch is bank"),
        ("global-patch", "--method.credible.source clusters --method.credible.threshold 0.3",
         "method.credible.threshold", "method.credible.source is clusters"),
        ("global-patch", "--method.global-weight 0 --method.loss.kind summed", "method.loss.kind",
         "method.global_weight is 0"),
        ("global-patch", "--method.image-patches.weight 0 --augmentation.warp.rotation 5",
         "augmentation.warp.rotation", "method.image_patches.weight is 0"),
        ("source", "--method.triplet-weight 0 --method.margin 0.5", "method.margin", "method.triplet_weight is 0"),
    ],
)  # fmt: skip
def test_flags_without_effect(recipe, flags, setting, decides):
    with pytest.raises(SettingsError) as caught:
        load_recipe(recipe, flags.split())
    assert str(caught.value).startswith(
        f"flags: {setting}: has no effect where {decides}; leave it out, or set "
    )


def test_a_file_is_refused_for_what_it_sets_and_not_for_defaults_that_are_written_out(tmp_path):
    file = tmp_path / "mine.yaml"
    for name in shipped_recipes():
        file.write_text(load_recipe(name).to_yaml())
        assert load_recipe(file) == load_recipe(name)
    file.write_text("method: {name: maskpre, smallest_cluster: 7}")
    with pytest.raises(SettingsError, match=r"mine\.yaml: method\.smallest_cluster: has no effect where"):
        load_recipe(file)


def test_a_flag_that_takes_the_effect_from_settings_of_the_file_leaves_them_out(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("method: {name: sphere, clustering: {weight: 0.1, steps: 5}}\naugmentation: {flip: 0}")
    found = load_recipe(
        file, ["--method.clustering.regularizer", "none", "--method.clustering.clusters", "40"]
    )
    expected = HierarchicalClustering(regularizer="none", stop="clusters", clusters=40)
    assert found.method.clustering == expected
    assert found.augmentation.flip == 0


def test_half_of_a_hierarchy_keeps_the_other_half_of_the_method_s_own():
    found = load_recipe("progressive", ["--method.clustering.share", "0.1"]).method.clustering
    assert (found.linkage, found.merge, found.weight, found.steps) == ("single", "chain", 0.01, 18)
    sampler = load_recipe("maskpre", ["--method.sampler.clusters-per-batch", "8"]).method.sampler
    assert (sampler.clusters_per_batch, sampler.images_per_cluster) == (8, 4)


@pytest.mark.parametrize("name", ["sphere", "sphere-contrast", "progressive"])
@pytest.mark.parametrize(("end", "value"), [("steps", 4), ("clusters", 37), ("distance", 0.25)])
def test_training_and_clustering_stop_by_the_same_rule(name, end, value):
    trained = load_recipe(name, [f"--method.clustering.{end}", str(value)]).method.clustering
    clustered = cluster_settings(flags=[f"--clustering.{end}", str(value)])
    made = HierarchicalClustering(**{end: value})
    assert {(found.stop, getattr(found, end)) for found in (trained, clustered, made)} == {(end, value)}
    other = "steps" if end == "distance" else "distance"
    both = ["clustering." + end, str(value), "clustering." + other, "1"]
    for load, prefix in ((cluster_settings, "--"), (lambda flags: load_recipe(name, flags), "--method.")):
        with pytest.raises(SettingsError, match=r"are both stopping criteria; remove one, or select one"):
            load(flags=[f"{prefix}{part}" if part.startswith("c") else part for part in both])
        with pytest.raises(SettingsError, match=rf"clustering\.{end}: has no effect where .*stop is {other}"):
            load(flags=[f"{prefix}clustering.stop", other, f"{prefix}clustering.{end}", str(value)])


def test_progressive_refuses_to_stop_by_looking_back():
    with pytest.raises(SettingsError, match=r"one step per round.*use steps, clusters or distance"):
        load_recipe("progressive", ["--method.clustering.stop", "auto"])


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_schedules_lower_the_rate_or_say_that_it_is_constant(name):
    train = load_recipe(name).train
    last = learning_rate(train, train.rounds * train.iterations - 1)
    assert (last == train.learning_rate) == (train.schedule == "constant")
    assert train.schedule == "constant" or last < train.learning_rate / 9


@pytest.mark.parametrize(
    ("rounds", "drops"), [(1, []), (2, [1]), (5, [2, 4]), (10, [4, 8]), (50, [20, 40]), (60, [24, 48])]
)
def test_a_step_schedule_follows_the_length_of_the_training(rounds, drops):
    train = Recipe.parse({"train": {"rounds": rounds, "iterations": 1}}, "x").train
    rates = [learning_rate(train, step) for step in range(rounds)]
    assert [step for step in range(1, rounds) if rates[step] < 0.5 * rates[step - 1]] == drops


def test_a_recipe_made_in_python_is_looked_at_before_anything_starts(recipe_of, crowd, tmp_path):
    recipe = recipe_of("sphere", clustering={"stop": "steps", "clusters": 7})
    for call in (
        lambda: reseen.train(recipe, crowd, tmp_path / "run", quiet=True),
        lambda: plan_training(recipe, 40, quiet=True),
    ):
        with pytest.raises(SettingsError, match=r"recipe: method\.clustering\.clusters: has no effect where"):
            call()
    assert not (tmp_path / "run").exists()


def test_training_ends_with_as_many_clusters_as_were_asked_for(recipe_of, crowd, tmp_path):
    recipe = recipe_of("sphere", clustering={"clusters": 7})
    recipe = recipe.model_copy(update={"train": recipe.train.model_copy(update={"rounds": 1})})
    run = reseen.train(recipe, crowd, tmp_path / "run", quiet=True)
    assert run.log[-1]["clusters"] == 7


def test_a_run_of_before_goes_on_whatever_its_recipe_says(recipe_of, crowd, tmp_path):
    recipe, folder = recipe_of("cluster-contrast"), tmp_path / "run"
    reseen.train(recipe, crowd, folder, quiet=True)
    before = with_value(with_value(recipe, "train.step_rounds", 20), "augmentation.warp", {"rotation": 5})
    (folder / "recipe.yaml").write_text(before.to_yaml())
    stepless = recipe.model_copy(update={"train": recipe.train.model_copy(update={"step_rounds": 1})})
    for given in (
        load_recipe(folder / "recipe.yaml", trust_paths=True, of_run=True),
        before,
    ):
        reseen.train(given, crowd, folder, resume=True, quiet=True)
    with pytest.raises(RunError, match=r"started with other settings \(train\.learning_rate was"):
        reseen.train(with_value(recipe, "train.learning_rate", 0.1), crowd, folder, resume=True, quiet=True)
    (folder / "recipe.yaml").write_text(stepless.to_yaml())
    reseen.train(recipe, crowd, folder, resume=True, quiet=True)  # a step of one of two rounds, either way
    assert Recipe.parse(read_yaml(folder / "recipe.yaml"), "x") == stepless

"""Estimates of every kind of work: all stages are present, they grow, and no file remains."""

import tempfile
from pathlib import Path

import pytest

import reseen
from reseen.cluster.clusterings import HierarchicalClustering
from reseen.errors import SettingsError
from reseen.gallery.stores.edge_shard import SEGMENT
from reseen.methods import METHODS
from reseen.plan.benchmark import prepare_model

pytestmark = pytest.mark.usefixtures("no_starts")

SCALED = ("cluster-contrast", "progressive")
"""Planned again with more batches: a method whose steps take as long with more crops, and one whose steps do not."""


@pytest.fixture
def recipe(tiny_flags):
    return reseen.load_recipe("cluster-contrast", tiny_flags)


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert not list(Path(tmp_path).glob("reseen-plan-*"))


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_is_planned(name, recipe_of):
    recipe = recipe_of(name)
    found = reseen.plan_training(recipe, 300, quiet=True)
    stages = {stage.name: stage for stage in found.stages}
    assert [*stages] == [
        "start-up", "decoding crops", "BNNeck statistics", "features", "clustering", "measuring clusters",
        "scores and verdict", "training", "statistics of the features", "checkpoints",
    ]  # fmt: skip
    assert all(stage.seconds > 0 for stage in found.stages)
    size = recipe.data.height * recipe.data.width * 3
    assert stages["decoding crops"].disk == 300 * size
    if name in SCALED:
        many = recipe.model_copy(update={"train": recipe.train.model_copy(update={"iterations": 10**6})})
        assert reseen.plan_training(many, 300, quiet=True).seconds > 100 * found.seconds


def test_own_crops_are_used_and_not_changed(recipe, crowd):
    before = sorted(crowd.rglob("*"))
    assert reseen.plan_training(recipe, 300, crowd, quiet=True).images == 300
    assert sorted(crowd.rglob("*")) == before


def test_fewer_than_a_batch_cannot_be_planned(recipe):
    with pytest.raises(SettingsError, match="fewer than one batch"):
        reseen.plan_training(recipe, 3, quiet=True)


def test_embedding_takes_time_and_disk_by_the_crop(recipe, tmp_path):
    found = {count: reseen.plan_embedding(recipe, count, quiet=True) for count in (1_000, 1_000_000)}
    few, many = (sum(stage.seconds for stage in plan.stages[1:]) for plan in found.values())
    assert many > 100 * few
    dimension = prepare_model(recipe, tmp_path).encoder.dimension
    assert 4 * dimension <= found[1_000_000].stages[-1].disk / 10**6 <= 5 * dimension


@pytest.mark.parametrize("plan", [reseen.plan_embedding, reseen.plan_indexing])
def test_mirror_images_are_timed_where_they_are_planned(plan, recipe, monkeypatch):
    from reseen.plan import benchmark

    asked, extract = [], benchmark.extract

    def counted(*arguments, mirrored=False):
        asked.append(mirrored)
        return extract(*arguments, mirrored=mirrored)

    monkeypatch.setattr(benchmark, "extract", counted)
    plan(recipe, 1_000, mirrored=True, quiet=True)
    assert asked
    assert set(asked) == {True}


def test_a_cache_that_is_too_small_is_not_counted(recipe):
    capped = recipe.model_copy(update={"data": recipe.data.model_copy(update={"cache_gigabytes": 0.0})})
    assert reseen.plan_embedding(capped, 1_000, quiet=True).stages[0].disk == 0


def test_clustering_of_vectors_needs_no_encoder():
    found = reseen.plan_clustering(16, 2_000, settings=HierarchicalClustering(), quiet=True)
    assert [stage.name for stage in found.stages] == ["start-up", "reading vectors", "clustering", "pages"]


def test_clustering_by_an_encoder_counts_its_features(recipe):
    found = reseen.plan_clustering(recipe, 300, settings=HierarchicalClustering(), quiet=True)
    assert [stage.name for stage in found.stages] == [
        "start-up",
        "decoding crops",
        "features",
        "clustering",
        "pages",
    ]


def test_a_large_clustering_is_benchmarked_with_the_engine_it_would_use():
    found = reseen.plan_clustering(
        16, 200_000, settings=HierarchicalClustering(engine="auto", steps=2), quiet=True
    )
    assert "approximate" in found.notes[0]


@pytest.mark.parametrize(
    ("flags", "stages"),
    [
        (["--clustering.steps", "2"], ["start-up", "vectors", "search", "hierarchy", "measuring", "writing"]),
        (
            ["--clustering.name", "dbscan"],
            ["start-up", "vectors", "search", "jaccard", "dbscan", "measuring", "writing"],
        ),
        (
            ["--clustering.name", "hdbscan"],
            ["start-up", "vectors", "search", "jaccard", "hdbscan", "measuring", "writing"],
        ),
    ],
)
def test_vectors_alone_are_planned_within_a_budget(flags, stages):
    found = reseen.plan_vector_clustering(16, 2_000, settings=flags, memory="2GB", quiet=True)
    assert [stage.name for stage in found.stages] == stages
    assert 0 < found.memory <= 2e9
    assert found.disk > 2_000 * len("1,,0,1.0000,,\n")
    assert "every pair of 2,000 rows" in found.notes[0]
    with pytest.raises(SettingsError, match="needs at least 1"):  # a billion rows, refused before any work
        reseen.plan_vector_clustering(16, 10**9, settings=flags, memory="2GB", quiet=True)


def test_vectors_alone_are_searched_as_so_many_would_be():
    found = reseen.plan_vector_clustering(
        4, 200_000, settings=["--clustering.steps", "2"], memory="2GB", quiet=True
    )
    assert "approximate search: 200,000 rows" in found.notes[0]
    assert found.seconds > 0


def test_vectors_have_numbers():
    with pytest.raises(SettingsError, match="dimension: expected at least 1"):
        reseen.plan_clustering(0, 100, quiet=True)
    with pytest.raises(SettingsError, match="at least 1 vector of dimension 1"):
        reseen.plan_vector_clustering(0, 100, quiet=True)


def test_graphs_are_planned_where_a_gallery_gets_them(recipe):
    small, large = (reseen.plan_indexing(recipe, count, quiet=True) for count in (1_000, 2 * SEGMENT))
    assert "graphs" not in [stage.name for stage in small.stages]
    assert "graphs" in [stage.name for stage in large.stages]
    assert large.disk > small.disk

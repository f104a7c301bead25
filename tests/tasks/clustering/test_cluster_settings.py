import pytest

from reseen.cluster.clusterings import DbscanClustering, HdbscanClustering, HierarchicalClustering
from reseen.errors import SettingsError
from reseen.runs.recipe import load_recipe
from reseen.tasks.clustering.cluster_settings import cluster_settings, vector_settings


def test_the_count_is_chosen_without_labels_unless_a_flag_says_when_to_stop():
    assert cluster_settings() == HierarchicalClustering(stop="auto")
    for name, value in (("clusters", 300), ("steps", 4), ("distance", 0.25)):
        found = cluster_settings(flags=[f"--clustering.{name}", str(value)])
        assert (found.stop, getattr(found, name)) == (name, value)
    assert cluster_settings(flags=["--clustering.linkage", "single"]).stop == "auto"


def test_a_run_lends_its_clustering_where_it_is_the_same():
    flags = ["--method.clustering.linkage", "energy", "--method.clustering.share", "null"]
    sphere = load_recipe("sphere", flags)
    found = cluster_settings(sphere, ["--clustering.weight", "0.1"])
    assert (found.linkage, found.weight, found.stop) == ("energy", 0.1, "auto")
    assert found.share == HierarchicalClustering().share  # auto compares the counts of many steps
    demo = load_recipe("demo")
    assert cluster_settings(demo) == HierarchicalClustering(stop="auto")
    assert cluster_settings(demo, method="dbscan") == demo.method.clustering
    assert cluster_settings(sphere, method="dbscan") == DbscanClustering()


def test_a_clustering_is_chosen_by_name():
    flags = ["--clustering.min-cluster-size", "6"]
    for settings in (cluster_settings(None, flags, "hdbscan"), vector_settings(flags, "hdbscan").clustering):
        assert settings == HdbscanClustering(min_cluster_size=6)
    assert cluster_settings(flags=["--clustering.name", "dbscan"]) == DbscanClustering()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--clustering.cluster", "3"], "flags: clustering: no setting 'cluster'; did you mean 'clusters'"),
        (
            ["--method.clustering.clusters", "3"],
            "flags: no setting 'method'; the settings here are clustering",
        ),
        (["--clustering.clusters", "0"], "clustering: clusters: "),
        (["--clustering.clusters", "9", "--clustering.steps", "2"], "are both stopping criteria; remove one"),
        (
            ["--clustering.clusters", "9", "--clustering.stop", "auto"],
            "clustering.clusters: has no effect where clustering.stop is auto",
        ),
        (["--clustering.stop", "never", "--clustering.clusters", "9"], "clustering: stop: "),
        (["--clustering", "3"], "flags: clustering: "),
        (
            ["--clustering.name", "kmeans"],
            "no clustering 'kmeans'; the clusterings are dbscan, hdbscan, hierarchy",
        ),
        (["clusters"], "'clusters' is not a setting"),
    ],
)
def test_flags_that_do_not_fit(flags, message):
    with pytest.raises(SettingsError) as caught:
        cluster_settings(flags=flags)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("flags", "method", "message"),
    [
        ([], "dbscn", "--method: no clustering 'dbscn'; did you mean 'dbscan'?"),
        (
            ["--clustering.name", "hierarchy"],
            "dbscan",
            "--method dbscan and --clustering.name hierarchy: leave one",
        ),
        (["--clustering.eps", "0.5"], None, "clustering: no setting 'eps'"),
        (
            ["--clustering.min-samples", "auto"],
            "hdbscan",
            "min_samples: hdbscan requires numbers, auto is only",
        ),
        (["--clustering.jaccard.k1", "auto"], "hdbscan", "hdbscan requires numbers, auto is only for dbscan"),
    ],
)
def test_a_method_that_does_not_fit(flags, method, message):
    with pytest.raises(SettingsError) as caught:
        cluster_settings(None, flags, method)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)

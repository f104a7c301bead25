import pytest

from reseen.cluster.hierarchy import HierarchySettings
from reseen.errors import SettingsError
from reseen.runs.recipe import load_recipe
from reseen.tasks.clustering.cluster_settings import hierarchy_settings


def test_the_count_is_chosen_without_labels_unless_a_flag_says_when_to_stop():
    assert hierarchy_settings() == HierarchySettings(stop="auto")
    for name, value in (("clusters", 300), ("steps", 4), ("distance", 0.25)):
        found = hierarchy_settings(flags=[f"--hierarchy.{name}", str(value)])
        assert (found.stop, getattr(found, name)) == (name, value)
    assert hierarchy_settings(flags=["--hierarchy.linkage", "single"]).stop == "auto"


def test_a_run_with_a_hierarchy_lends_it_and_one_without_does_not():
    flags = ["--method.hierarchy.linkage", "energy", "--method.hierarchy.share", "null"]
    found = hierarchy_settings(load_recipe("sphere", flags), ["--hierarchy.weight", "0.1"])
    assert (found.linkage, found.weight, found.stop) == ("energy", 0.1, "auto")
    assert found.share == HierarchySettings().share  # auto compares the counts of many steps
    assert hierarchy_settings(load_recipe("cluster-contrast")) == HierarchySettings(stop="auto")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--hierarchy.cluster", "3"], "flags: hierarchy: no setting 'cluster'; did you mean 'clusters'"),
        (["--method.hierarchy.clusters", "3"], "flags: no setting 'method'; the settings here are hierarchy"),
        (["--hierarchy.clusters", "0"], "hierarchy: clusters: "),
        (["--hierarchy.clusters", "9", "--hierarchy.steps", "2"], "are both stopping criteria; remove one"),
        (
            ["--hierarchy.clusters", "9", "--hierarchy.stop", "auto"],
            "hierarchy.clusters: has no effect where hierarchy.stop is auto",
        ),
        (["--hierarchy.stop", "never", "--hierarchy.clusters", "9"], "hierarchy: stop: "),
        (["--hierarchy", "3"], "flags: hierarchy: "),
        (["clusters"], "'clusters' is not a setting"),
    ],
)
def test_flags_that_do_not_fit(flags, message):
    with pytest.raises(SettingsError) as caught:
        hierarchy_settings(flags=flags)
    assert message in str(caught.value)

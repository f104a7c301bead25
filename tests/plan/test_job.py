"""A plan from what a command is given."""

import pytest

import reseen
from reseen.errors import SettingsError

pytestmark = pytest.mark.usefixtures("no_starts")


def test_a_job_is_planned_as_its_function_plans_it(tiny_flags):
    planned = reseen.plan_job("train", "cluster-contrast", images=300, settings=tiny_flags, quiet=True)
    recipe = reseen.load_recipe("cluster-contrast", tiny_flags)
    expected = reseen.plan_training(recipe, 300, quiet=True)
    assert [stage.name for stage in planned.stages] == [stage.name for stage in expected.stages]
    assert planned.images == 300


@pytest.mark.parametrize(
    ("work", "options", "reason"),
    [
        ("train", {}, "needs --images"),
        ("embed", {"images": 0}, "at least 1, got 0"),
        ("train", {"images": 10, "memory": "4GB"}, "only for clustering vectors"),
        (
            "train",
            {"images": 10, "mirrored": True},
            "--flip is only for embed and index; leave it out for train",
        ),
        ("cluster", {"images": 10, "mirrored": True}, "--flip is only for embed and index"),
    ],
)
def test_what_cannot_be_planned_is_said(work, options, reason):
    with pytest.raises(SettingsError, match=reason):
        reseen.plan_job(work, "cluster-contrast", **options)

"""Paths in a recipe at the command line: a run's own recipe, and a trusted one."""

import shutil

import pytest

import reseen


def test_a_run_with_typed_paths_is_resumed_by_its_own_recipe(trained_elsewhere, reseen_says, crowd):
    run, cache = trained_elsewhere
    line = ("train", run / "recipe.yaml", "--data", crowd, "--quiet", "--resume", "--out")
    code, out, err = reseen_says(*line, run)
    assert (code, err) == (0, "")
    assert "2 rounds done" in out
    other = shutil.copytree(run, run.with_name("copy"))
    code, _, err = reseen_says(*line, other)  # the recipe of another run is a recipe like any
    assert code == 2
    assert f"data.cache_dir: {cache} is outside" in err
    code, _, err = reseen_says(*line, other, "--trust-recipe-paths")
    assert (code, err) == (0, "")


@pytest.fixture
def trained_elsewhere(tiny_flags, crowd, tmp_path):
    """A run whose settings name a folder that was typed, and the folder."""
    cache = tmp_path / "cache"
    recipe = reseen.load_recipe("cluster-contrast", [*tiny_flags, "--data.cache-dir", str(cache)])
    return reseen.train(recipe, crowd, tmp_path / "run", quiet=True).folder, cache


def test_a_run_from_somebody_else_makes_no_folder_where_it_likes(
    trained_elsewhere, reseen_says, crowd, tmp_path
):
    run, cache = trained_elsewhere
    embed = ("embed", run, "--data", crowd, "--quiet", "--out")
    assert reseen_says(*embed, tmp_path / "one.parquet")[0] == 0
    assert cache.is_dir()  # where it is, it is used
    shutil.rmtree(cache)
    assert reseen_says(*embed, tmp_path / "two.parquet")[0] == 0
    assert not cache.exists()
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()

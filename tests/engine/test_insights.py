"""Pictures of what methods look at."""

import numpy as np
import pytest
import torch

import reseen
from reseen.engine.insights import insights, starting_encoder
from reseen.engine.overlay import heat, hide
from reseen.engine.score import read_benchmark, retrieve
from reseen.evaluate.report import ReportContent, render

SMALL = {
    "maskpre": ["--method.mask.block", "2"],
    "global-patch": [
        "--model.patches.count", "2", "--model.patches.dimension", "8", "--method.sampler.images-per-cluster", "1",
        "--model.patches.generator", "learned", "--model.patches.reach", "1", "--method.credible.threshold", "0.1",
    ],
}  # fmt: skip


@pytest.fixture
def shown(tiny_flags, crowd, tmp_path):
    def make(name, *more):
        flags = [*tiny_flags, *SMALL.get(name, []), *more]
        pairs = [(flags[place], flags[place + 1]) for place in range(0, len(flags), 2)]
        if name == "global-patch":
            pairs = [
                pair for pair in pairs if not pair[0].startswith(("--method.jaccard", "--method.dbscan"))
            ]
        recipe = reseen.load_recipe(name, [part for pair in dict(pairs).items() for part in pair])
        run = reseen.train(recipe, crowd, tmp_path / name, quiet=True)
        return run, insights(run, retrieve(run, read_benchmark(crowd), quiet=True))

    return make


def test_mask_prediction_shows_crop_views_and_similarity_before_and_after(shown):
    _, (found,) = shown("maskpre")
    assert [said for _, said in found.strips[0].frames] == ["crop", "view 1", "view 2", "before", "after"]
    crop, first, _, before, after = (image for image, _ in found.strips[0].frames)
    views = [(strip.frames[1][0], strip.frames[2][0]) for strip in found.strips]
    assert not all(np.array_equal(one, other) for one, other in views)
    assert 0.05 < float((first != crop).any(axis=2).mean()) < 0.95
    assert not np.array_equal(before, after)
    assert "What do masks hide" in render(ReportContent("t", insights=[found]))


def test_patches_show_where_they_look_and_whom_they_believe(shown):
    _, (windows, believed) = shown("global-patch")
    assert [said for _, said in windows.strips[0].frames] == ["crop", "1, before", "2, before"]
    assert [said for _, said in windows.strips[1].frames] == ["crop", "1, after", "2, after"]
    top, bottom = (image for image, _ in windows.strips[0].frames[1:])
    half = len(top) // 2
    assert (
        np.abs(top[:half].astype(int) - bottom[:half]).mean()
        > np.abs(top[half:].astype(int) - top[half:]).mean()
    )
    marks = [answer.right for ranked in believed.ranked for answer in ranked.answers]
    assert marks
    page = render(ReportContent("t", insights=[windows, believed]))
    assert page.count("<li class=") == len(marks)


def test_plain_methods_have_nothing_of_their_own_to_show(shown):
    assert shown("cluster-contrast")[1] == []


def test_the_starting_encoder_has_the_weights_of_the_seed_or_is_none(shown):
    run, _ = shown("cluster-contrast")
    first, second = starting_encoder(run), starting_encoder(run)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    gone = run.recipe.model.model_copy(update={"weights": "/nowhere/weights.safetensors"})
    lost = type(run)(run.folder, run.recipe.model_copy(update={"model": gone}), run.facts)
    assert starting_encoder(lost) is None


def test_heat_marks_the_high_cells_and_hide_covers_those_not_kept():
    crop = np.full((8, 4, 3), 100, np.uint8)
    cells = np.array([[0.0, 0.0], [0.0, 1.0]], np.float32)
    warm = heat(crop, cells)
    assert warm[7, 3, 0] > warm[7, 3, 2] + 100
    assert np.allclose(warm[0, 0], 100, atol=8)
    assert np.array_equal(heat(crop, np.ones((2, 2), np.float32)), crop)  # nothing stands out
    hidden = hide(crop, np.array([[True, False], [True, True]]))
    assert np.array_equal(hidden[:4, :2], crop[:4, :2])
    assert bool((hidden[:4, 2:] < 50).all())
    assert np.array_equal(hidden[4:], crop[4:])

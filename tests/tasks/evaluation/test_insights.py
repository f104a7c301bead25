"""Pictures of what methods look at."""

import numpy as np
import pytest
import torch

import reseen
from reseen.cluster import center_cameras
from reseen.geometry import unit
from reseen.neighbors import credible_neighbors
from reseen.pages import ReportContent, render
from reseen.records import Features
from reseen.runs.checkpoint import START
from reseen.tasks.evaluation.insights import heat, hide, insights, starting_encoder
from reseen.tasks.evaluation.score import read_benchmark, retrieve

SMALL = {
    "maskpre": ["--method.mask.block", "2"],
    "global-patch": [
        "--model.patches.count", "2", "--model.patches.dimension", "8", "--method.sampler.images-per-cluster", "1",
        "--model.patches.generator", "learned", "--model.patches.reach", "1", "--method.credible.threshold", "0.1",
        "--method.credible.count", "6", "--method.credible.jaccard.k1", "8", "--method.credible.jaccard.k2", "3",
    ],
}  # fmt: skip


@pytest.fixture
def shown(tiny_flags, crowd, tmp_path):
    def make(name, *more):
        flags = [*tiny_flags, *SMALL.get(name, []), *more]
        pairs = [(flags[place], flags[place + 1]) for place in range(0, len(flags), 2)]
        if name == "global-patch":
            pairs = [pair for pair in pairs if not pair[0].startswith("--method.clustering")]
        if "--model.start" in more:  # which brings its own weights
            pairs = [pair for pair in pairs if pair[0] != "--model.weights"]
        if "--method.credible.source" in more:  # by clusters, whatever threshold and shared neighbors say
            without = ("--method.credible.threshold", "--method.credible.jaccard")
            pairs = [pair for pair in pairs if not pair[0].startswith(without)]
        recipe = reseen.load_recipe(name, [part for pair in dict(pairs).items() for part in pair])
        run = reseen.train(recipe, crowd, tmp_path / str(len(list(tmp_path.iterdir()))), quiet=True)
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
    assert "Masks and similarity maps" in render(ReportContent("t", insights=[found]))


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


def test_windows_before_training_are_those_of_the_run_it_started_from(shown):
    earlier, _ = shown("global-patch", "--train.learning-rate", "0.01")
    run, (windows, _) = shown("global-patch", "--model.start", str(earlier.folder), "--train.rounds", "0")
    before, after = (strip.frames[1:] for strip in windows.strips[:2])
    assert all(np.array_equal(one[0], other[0]) for one, other in zip(before, after, strict=True))
    moved = starting_encoder(run).patches.localization.state_dict()
    there = earlier.encoder().patches.localization.state_dict()
    assert all(torch.equal(moved[name], there[name]) for name in there)


def test_whom_it_believes_follows_the_rule_of_training(shown, crowd):
    run, _ = shown("global-patch", "--method.center-cameras", "true")
    retrieval = retrieve(run, read_benchmark(crowd), quiet=True)
    task, method = retrieval.task, run.recipe.method
    whole = Features(unit(task.gallery.vectors[:, : run.encoder().channels]))
    found = credible_neighbors(center_cameras(whole, task.gallery_cameras), method.credible)
    known = task.gallery_identities > 0
    right = (task.gallery_identities[found] == task.gallery_identities[:, None]) & (found >= 0)
    share = right[known].sum() / (found[known] >= 0).sum()
    note = insights(run, retrieval)[1].note
    assert f"{(found >= 0).sum(axis=1).mean():.1f} on average, of which {share:.0%} show" in note
    alone = insights(run, retrieve(run, read_benchmark(crowd), part="global", quiet=True))[1].note
    assert alone == note


def test_a_page_of_patches_alone_says_why_nobody_is_believed(shown, crowd):
    run, _ = shown("global-patch")
    _, believed = insights(run, retrieve(run, read_benchmark(crowd), part="patch", quiet=True))
    assert not believed.ranked
    assert "leave out --part" in believed.note
    assert "leave out --part" in render(ReportContent("t", insights=[believed]))


def test_credible_by_clusters_are_those_of_the_gallery_s_clusters(shown):
    flags = ["--method.credible.source", "clusters", "--method.credible_clustering.share", "0.05"]
    _, (_, believed) = shown("global-patch", *flags)
    assert believed.ranked


def test_plain_methods_have_nothing_of_their_own_to_show(shown):
    assert shown("cluster-contrast")[1] == []


def test_the_starting_encoder_is_the_one_that_was_kept_or_none(shown):
    run, _ = shown("cluster-contrast")
    trained, first = run.encoder(), starting_encoder(run)
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), trained.parameters(), strict=True))
    (run.folder / START).unlink()
    assert starting_encoder(run) is None


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

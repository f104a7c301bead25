"""Predicted regions, against cells counted one by one and maps computed by hand."""

import copy
import math
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.methods.test_conformance import SETTINGS

import reseen
from reseen.errors import SettingsError
from reseen.features.extract import extract
from reseen.methods.maskpre_settings import MaskPreSettings
from reseen.methods.region_prediction import RegionHead, RegionPrediction, visible_cells
from reseen.models.frozen_stages import apply_mask, frozen_output, maps_from_frozen
from reseen.models.masking import MaskSettings
from reseen.records import to_index_tensor
from reseen.testing import MethodConformance
from reseen.testing import conformance_crowd as conformance_crowd
from reseen.training.loop import make_batch
from reseen.training.setup import set_up

FROZEN = {"place": "frozen", "block": 2, "ramp": 0}
ON_MAP = {"block": 2, "ramp": 0}


class TestRegionsOnTheMap(MethodConformance):
    name = "maskpre"
    settings: ClassVar = {**SETTINGS["maskpre"], "region_weight": 0.2}


class TestRegionsOfFrozenStages(MethodConformance):
    name = "maskpre"
    settings: ClassVar = {**SETTINGS["maskpre"], "region_weight": 0.2, "mask": FROZEN}
    recipe_settings: ClassVar = {"model": {"frozen_stages": 1}}


def started(recipe_of, crowd, folder, **values):
    """A training at its first batch, with some frozen stages if masks are there, and a teacher of other weights."""
    recipe = recipe_of("maskpre", region_weight=0.5, **values)
    if recipe.method.mask.place == "frozen":
        recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update={"frozen_stages": 1})})
    training = set_up(recipe, reseen.read_training(crowd), folder / "run", quiet=True)
    features = extract(training.encoder, training.crops, torch.device("cpu"))
    plan = training.method.begin_round(features, 2)
    training.encoder.train()
    with torch.no_grad():
        for name, weight in training.method._teacher.encoder.named_parameters():
            if not any(name.startswith(f"trunk.{frozen}") for frozen in training.encoder.frozen):
                weight.mul_(1.2)
    batch = make_batch(training, next(iter(plan.batches)), to_index_tensor(plan.clustering.labels.labels))
    return training.method, training.encoder, batch


def by_cell(predicted, targets, kept):
    """The mean squared distance of unit vectors over masked cells, one by one."""
    distances = []
    for image, y, x in (~kept[:, 0]).nonzero().tolist():
        guess, cell = predicted[image, :, y, x], targets[image, :, y, x]
        distances.append(float((guess / guess.norm() - cell / cell.norm()).square().sum()))
    return sum(distances) / len(distances)


@pytest.mark.parametrize("target", ["teacher", "student"])
@pytest.mark.parametrize("temporal", [0.0, 1.0])
def test_masked_cells_of_both_views_are_predicted_from_the_visible_ones(
    recipe_of, crowd, tmp_path, target, temporal
):
    values = {"mask": ON_MAP, "region_target": target, "temporal_weight": temporal}
    method, encoder, batch = started(recipe_of, crowd, tmp_path, **values)
    before = copy.deepcopy(encoder)  # batch statistics move with every pass
    found = float(method.losses(batch).terms["region"].detach()) / 0.5
    maps = before.maps(batch.images)
    targets = method._teacher.encoder.maps(batch.images) if target == "teacher" else maps
    both = []
    for kept in method._masks(encoder, [maps, maps]):
        assert not kept.all()
        both.append(by_cell(method._region.head(maps * kept).detach(), targets.detach(), kept))
    assert found == pytest.approx(sum(both) / 2, rel=1e-3)


@pytest.mark.parametrize("teacher_mask", ["same", "none"])
def test_of_masked_frozen_stages_the_teachers_unmasked_cells_are_predicted(
    recipe_of, crowd, tmp_path, teacher_mask
):
    method, encoder, batch = started(recipe_of, crowd, tmp_path, mask=FROZEN, teacher_mask=teacher_mask)
    before = copy.deepcopy(encoder)
    found = float(method.losses(batch).terms["region"].detach()) / 0.5
    output = frozen_output(encoder, batch.images)
    targets = method._teacher.encoder.maps(batch.images)
    both = []
    for kept in method._frozen_masks(encoder, output):
        view = maps_from_frozen(before, batch.images, apply_mask(output, kept))
        seen = visible_cells(kept, tuple(view.shape[2:]))
        assert not seen.all()
        both.append(by_cell(method._region.head(view).detach(), targets, seen))
    assert found == pytest.approx(sum(both) / 2, rel=1e-3)


@pytest.mark.parametrize("mask", [ON_MAP, FROZEN])
def test_gradients_reach_head_and_student_and_never_the_teacher(recipe_of, crowd, tmp_path, mask):
    method, encoder, batch = started(recipe_of, crowd, tmp_path, mask=mask)
    method.losses(batch).terms["region"].backward()
    assert all(weight.grad is not None for weight in method._region.head.parameters())
    assert any(weight.grad is not None and weight.grad.any() for weight in encoder.trunk.parameters())
    assert all(weight.grad is None for weight in method._teacher.encoder.parameters())


@pytest.mark.parametrize(
    ("values", "passes"),
    [
        ({"mask": ON_MAP}, 1),  # one for both terms
        ({"mask": ON_MAP, "augmentations": 2}, 1),
        ({"mask": ON_MAP, "temporal_weight": 0.0}, 1),
        ({"mask": ON_MAP, "temporal_weight": 0.0, "region_target": "student"}, 0),
        ({"mask": FROZEN, "temporal_weight": 0.0}, 1),
        ({"mask": FROZEN, "teacher_mask": "none"}, 1),
        ({"mask": FROZEN}, 3),  # one for each masked view, and that of the unmasked map
    ],
)
def test_the_teacher_runs_as_often_as_its_maps_differ(recipe_of, crowd, tmp_path, values, passes):
    method, _, batch = started(recipe_of, crowd, tmp_path, **values)
    calls = []
    method._teacher.encoder.trunk.register_forward_hook(lambda *_: calls.append(1))
    method.losses(batch)
    assert len(calls) == passes


def test_without_a_mask_yet_there_is_no_region_and_no_pass_for_it(recipe_of, crowd, tmp_path):
    values = {"mask": {"block": 2, "ramp": 0.5}, "temporal_weight": 0.0}
    method, _, batch = started(recipe_of, crowd, tmp_path, **values)
    calls = []
    method._teacher.encoder.trunk.register_forward_hook(lambda *_: calls.append(1))
    assert "region" not in method.losses(batch).terms
    assert not calls


def test_the_loss_falls_where_only_the_head_learns(recipe_of, crowd, tmp_path):
    method, encoder, batch = started(recipe_of, crowd, tmp_path, mask=ON_MAP)
    maps = encoder.maps(batch.images).detach()
    targets = method._teacher.encoder.maps(batch.images)
    masks = method._masks(encoder, [maps, maps])
    optimizer = torch.optim.Adam(method._region.head.parameters(), 3e-3)
    losses = []
    for _ in range(30):
        loss = method._region.loss([maps, maps], [targets, targets], masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_a_head_reaches_from_the_middle_of_a_block_to_visible_cells():
    maps = torch.randn(1, 4, 7, 5).requires_grad_()
    kept = torch.ones(1, 1, 7, 5, dtype=torch.bool)
    kept[:, :, 2:5, 1:4] = False
    for window, reaches in ((3, False), (5, True)):
        head = RegionHead(4, window, hidden=16)
        (gradient,) = torch.autograd.grad(head(maps * kept)[0, :, 3, 2].sum(), maps)
        assert bool(gradient.any()) == reaches


@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 6),
    grid=st.tuples(st.integers(1, 9), st.integers(1, 6)),
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_a_cell_is_masked_if_at_least_half_of_those_under_it_are(rows, columns, grid, share, seed):
    height, width = min(grid[0], rows), min(grid[1], columns)
    kept = torch.rand(2, 1, rows, columns, generator=torch.Generator().manual_seed(seed)) >= share
    found = visible_cells(kept, (height, width))
    for image in range(2):
        for y in range(height):
            for x in range(width):
                top, bottom = y * rows // height, math.ceil((y + 1) * rows / height)
                left, right = x * columns // width, math.ceil((x + 1) * columns / width)
                under = kept[image, 0, top:bottom, left:right].flatten().tolist()
                assert bool(found[image, 0, y, x]) == (2 * under.count(False) < len(under))


def test_the_student_has_no_unmasked_map_where_frozen_stages_are_masked():
    with pytest.raises(ValueError, match="use region_target teacher"):
        MaskPreSettings(region_weight=1, region_target="student", mask=MaskSettings(place="frozen"))


def test_one_more_pass_of_the_teacher_makes_its_settings_count():
    alone = {"temporal_weight": 0, "score_with": "student", "region_weight": 1}
    assert "teacher" not in MaskPreSettings(**alone).conditions()
    assert "teacher" in MaskPreSettings(**alone, region_target="student").conditions()
    assert "teacher" in MaskPreSettings(**alone, mask={"share": 0}).conditions()


def test_a_map_without_a_grid_has_no_regions():
    tokens = SimpleNamespace(grid=None, channels=8)
    with pytest.raises(SettingsError, match=r"method\.region_weight: .* set it to 0"):
        RegionPrediction(MaskSettings(place="frozen"), tokens, torch.device("cpu"))

import numpy as np
import pytest
import torch

import reseen
from reseen.errors import SettingsError
from reseen.features.extract import extract
from reseen.losses import cluster_contrast, consistency
from reseen.methods.maskpre_settings import MaskPreSettings
from reseen.models.frozen_stages import frozen_output
from reseen.records import to_index_tensor
from reseen.runs.checkpoint import CHECKPOINT, read_checkpoint
from reseen.training.loop import make_batch
from reseen.training.setup import set_up

NAME = "maskpre"


def a_step(begin, rounds_before=0, **values):
    training, plan = begin(NAME, **values)
    training.encoder.train()
    training.method._steps = rounds_before
    batch = make_batch(training, next(iter(plan.batches)), to_index_tensor(plan.clustering.labels.labels))
    return training, batch, training.method.losses(batch)


def test_without_masks_and_head_views_agree_and_the_loss_is_that_of_one_view(begin):
    training, _, step = a_step(begin, mask={"share": 0.0}, predictor_hidden=0, temporal_weight=0.0)
    assert float(step.terms["visual"].detach()) == pytest.approx(0, abs=1e-5)
    single = cluster_contrast(step.features, step.labels, training.method.memory.vectors, 0.05)
    assert float(step.terms["clusters"].detach()) == pytest.approx(float(single), rel=1e-4)


def test_a_head_that_starts_as_the_identity_predicts_the_views_themselves(begin):
    _, _, step = a_step(begin, mask={"share": 0.0}, predictor_start="identity", temporal_weight=0.0)
    assert float(step.terms["visual"].detach()) == pytest.approx(0, abs=1e-5)


def test_both_views_carry_the_label_of_their_crop_and_the_terms_are_the_means_of_both(begin):
    training, batch, step = a_step(begin)
    method, encoder = training.method, training.encoder
    maps = method._views(encoder, batch.images, None, [])
    masks = method._masks(encoder, maps)
    assert not torch.equal(*masks)
    vectors = [encoder.neck(encoder.pooling(view, kept)) for view, kept in zip(maps, masks, strict=True)]
    unit = torch.nn.functional.normalize
    centroids = method.memory.vectors
    both = [cluster_contrast(unit(view, dim=1), batch.labels, centroids, 0.05) for view in vectors]
    assert float(step.terms["clusters"].detach()) == pytest.approx(float(sum(both).detach()) / 2, rel=1e-4)
    guesses = [method._predictor(view) for view in vectors]
    expected = consistency(guesses[0], vectors[1]) + consistency(guesses[1], vectors[0])
    assert float(step.terms["visual"].detach()) == pytest.approx(float(expected.detach()) / 2, rel=1e-4)
    assert torch.equal(step.labels, batch.labels)
    assert torch.allclose(
        step.features, unit(sum(unit(view.detach(), dim=1) for view in vectors), dim=1), atol=1e-5
    )


def test_gradients_reach_the_head_and_the_student_and_never_the_teacher(begin):
    training, _, step = a_step(begin)
    (step.terms["visual"] + step.terms["temporal"]).backward()
    assert all(weight.grad is not None for weight in training.method._predictor.parameters())
    assert any(weight.grad is not None for weight in training.encoder.parameters())
    teacher = training.method._teacher.encoder
    assert all(weight.grad is None for weight in teacher.parameters())
    learned = {id(weight) for group in training.optimizer.param_groups for weight in group["params"]}
    assert not learned & {id(weight) for weight in teacher.parameters()}
    assert {id(weight) for weight in training.method._predictor.parameters()} <= learned


@pytest.mark.parametrize(
    ("values", "terms"),
    [
        ({"masked_views": 1, "visual_weight": 0, "temporal_weight": 0}, {"clusters"}),
        ({"masked_views": 1}, {"clusters", "temporal"}),
        ({"visual_weight": 0}, {"clusters", "temporal"}),
        ({"temporal_weight": 0}, {"clusters", "visual"}),
        ({"region_weight": 0.5}, {"clusters", "visual", "temporal", "region"}),
        ({"teacher_mask": "none", "triplet_weight": 1.0}, {"clusters", "visual", "temporal"}),
        ({"mask": {"kind": "dropout", "ramp": 0}}, {"clusters", "visual", "temporal"}),
        ({"mask": {"block": [1, 2], "seeds": "active", "ramp": 0}}, {"clusters", "visual", "temporal"}),
        ({"classes": "classifier", "triplet_weight": 1.0}, {"clusters", "visual", "temporal"}),
        (
            {"clustering": {"name": "hierarchy"}, "cluster_with": "teacher"},
            {"clusters", "visual", "temporal"},
        ),
    ],
)
def test_what_is_switched_off_is_no_term(begin, values, terms):
    training, _, step = a_step(begin, **values)
    assert set(step.terms) == terms
    step.loss.backward()
    training.method.after_step(step)
    assert torch.isfinite(step.loss)


def test_two_augmentations_double_the_batch_and_not_the_labels(begin):
    _, batch, step = a_step(begin, augmentations=2)
    half = len(batch) // 2
    assert torch.equal(batch.rows[:half], batch.rows[half:])
    assert not torch.equal(batch.images[:half], batch.images[half:])
    assert torch.equal(step.labels, batch.labels[:half])
    assert len(step.features) == half


def test_the_rate_rises_from_no_mask_at_all(begin):
    training, batch, _ = a_step(begin, mask={"block": 2, "ramp": 0.5})
    method, encoder = training.method, training.encoder
    maps = method._views(encoder, batch.images, None, [])
    assert method._masks(encoder, maps) == [None, None]
    kept = []
    for steps in (1, method.context.steps):
        method._steps = steps
        kept.append(float(torch.cat(method._masks(encoder, maps)).float().mean()))
    assert 1 > kept[0] > kept[1]


def deep(recipe, **mask):
    """The recipe with one frozen stage, whose output is masked."""
    model = recipe.model.model_copy(update={"frozen_stages": 1})
    method = recipe.method.model_copy(
        update={"mask": recipe.method.mask.model_copy(update={"place": "frozen", **mask})}
    )
    return recipe.model_copy(update={"model": model, "method": method})


def test_masks_of_frozen_stages_give_two_maps_and_equal_masking_by_hand(recipe_of, crowd, tmp_path):
    recipe = deep(recipe_of(NAME), block=2, ramp=0)
    training = set_up(recipe, reseen.read_training(crowd), tmp_path / "run", quiet=True)
    features = extract(training.encoder, training.crops, torch.device("cpu"))
    plan = training.method.begin_round(features, 2)
    training.encoder.train()
    method, encoder = training.method, training.encoder
    batch = make_batch(training, next(iter(plan.batches)), to_index_tensor(plan.clustering.labels.labels))
    output = frozen_output(encoder, batch.images)
    masks = method._frozen_masks(encoder, output)
    assert not torch.equal(*masks)
    encoder.eval()
    found = method._views(encoder, batch.images, output, masks)
    for view, kept in zip(found, masks, strict=True):
        stage = encoder.trunk.get_submodule(encoder.frozen[-1])
        seen = kept / kept.float().mean(dim=(1, 2, 3), keepdim=True)
        handle = stage.register_forward_hook(lambda _module, _given, given, seen=seen: given * seen)
        torch.testing.assert_close(view, encoder.maps(batch.images), rtol=1e-4, atol=1e-4)
        handle.remove()
    encoder.train()
    step = method.losses(batch)
    assert set(step.terms) == {"clusters", "visual", "temporal"}
    assert len(step.features) == len(batch.images)
    sum(step.terms.values()).backward()
    method._settings = method._settings.model_copy(
        update={"mask": recipe.method.mask.model_copy(update={"ramp": 0.5})}
    )
    assert method._frozen_masks(encoder, output) == []  # the rate is 0 in the first step


def test_masks_of_frozen_stages_train_to_the_end(recipe_of, crowd, tmp_path):
    recipe = deep(recipe_of(NAME, teacher_mask="none"), block=(2, 3), seeds="active")
    run = reseen.train(recipe, crowd, tmp_path / "run", quiet=True)
    assert np.isfinite(run.log[-1]["loss"])


def test_masks_of_frozen_stages_need_frozen_stages_and_one_augmentation(recipe_of, crowd, tmp_path):
    recipe = recipe_of(NAME, mask={"place": "frozen", "block": 2})
    with pytest.raises(SettingsError, match=r"set model\.frozen_stages above 0 and leave"):
        set_up(recipe, reseen.read_training(crowd), tmp_path / "run", quiet=True)
    for values in (
        {"augmentations": 2},
        {"region_weight": 1.0, "region_target": "student"},
        {"mask": {"place": "frozen", "kind": "dropout"}},
    ):
        with pytest.raises(ValueError, match=r"mask\.place 'frozen'"):
            MaskPreSettings(**({"mask": {"place": "frozen"}} | values))


def test_the_teacher_is_scored_and_the_student_at_hand(recipe_of, crowd, tmp_path):
    recipe = recipe_of(NAME)
    run = reseen.train(recipe, crowd, tmp_path / "run", quiet=True)
    tensors, metadata = read_checkpoint(run.folder / CHECKPOINT)
    assert metadata["scored"] == "method.teacher.encoder."
    for encoder, prefix in ((run.encoder(), metadata["scored"]), (run.encoder(student=True), "encoder.")):
        for key, value in encoder.state_dict().items():
            assert torch.equal(value, tensors[prefix + key])
    teacher, student = run.encoder(), run.encoder(student=True)
    pairs = zip(teacher.parameters(), student.parameters(), strict=True)
    assert not all(torch.equal(one, other) for one, other in pairs)
    assert "feature_spread" in run.log[0]
    assert 0 < run.log[0]["feature_spread"] <= 1


def test_masks_that_do_not_fit_are_refused_before_anything_is_written(recipe_of, crowd, tmp_path):
    table = reseen.read_training(crowd)
    with pytest.raises(SettingsError, match="does not fit a map of 4 x 2 cells"):
        set_up(recipe_of(NAME, mask={"block": 3}), table, tmp_path / "run", quiet=True)
    transformer = recipe_of(NAME)
    model = transformer.model.model_copy(update={"backbone": "test_vit", "pooling": "auto"})
    with pytest.raises(SettingsError, match="class token, which attends to all; use 'average'"):
        set_up(transformer.model_copy(update={"model": model}), table, tmp_path / "other", quiet=True)


def test_a_transformer_is_masked_by_patches(recipe_of, crowd, tmp_path):
    recipe = recipe_of(NAME)
    model = recipe.model.model_copy(update={"backbone": "test_vit", "pooling": "average", "norm_group": None})
    data = recipe.data.model_copy(update={"height": 64, "width": 32})
    run = reseen.train(
        recipe.model_copy(update={"model": model, "data": data}), crowd, tmp_path / "run", quiet=True
    )
    assert np.isfinite(run.log[-1]["loss"])


def test_the_teacher_begins_as_the_student_with_its_neck_settled(recipe_of, crowd, tmp_path):
    recipe = recipe_of("maskpre")
    none = recipe.model_copy(update={"train": recipe.train.model_copy(update={"rounds": 0})})
    run = reseen.train(none, crowd, tmp_path / "run", quiet=True)
    assert recipe.method.score_with == "teacher"
    plain = reseen.train(
        none.model_copy(update={"method": none.method.model_copy(update={"score_with": "student"})}),
        crowd,
        tmp_path / "plain",
        quiet=True,
    )
    images = torch.rand(4, 3, 64, 32)
    torch.testing.assert_close(run.encoder()(images), plain.encoder()(images))
    assert float(run.encoder().neck.running_var.max()) != 1.0


def test_a_large_seed_draws_masks_too(recipe_of, crowd, tmp_path):
    recipe = recipe_of("maskpre").model_copy(update={"seed": 20260101123456789})
    one = recipe.model_copy(update={"train": recipe.train.model_copy(update={"rounds": 1, "iterations": 1})})
    assert reseen.train(one, crowd, tmp_path / "run", quiet=True).rounds_done == 1

"""A run that ends with whitening: what embeds with its encoder is whitened, verdicts and new trainings are not."""

import numpy as np
import pytest
import torch

import reseen
from reseen.data.crops import open_crops
from reseen.errors import RunError, SettingsError
from reseen.features.extract import extract
from reseen.geometry import unit
from reseen.models.whitening import fit_whitening
from reseen.runs.camera_file import CAMERAS, camera_means_of
from reseen.runs.checkpoint import CHECKPOINT
from reseen.runs.cluster_file import CLUSTERS, read_members
from reseen.runs.run_outcome import read_outcome
from reseen.runs.whitening_file import WHITENING

CPU = torch.device("cpu")


def whitened_recipe(recipe_of, name="cluster-contrast"):
    recipe = recipe_of(name)
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"whiten": True})})


@pytest.fixture
def run(recipe_of, crowd, tmp_path):
    return reseen.train(whitened_recipe(recipe_of), crowd, tmp_path / "run", quiet=True)


def embed(run, crowd, **options):
    encoder = run.encoder(**options)
    crops = open_crops(
        reseen.read_training(crowd), run.reading, encoder.height, encoder.width, progress=False
    )
    return crops, extract(encoder, crops, CPU).vectors


def test_it_is_fitted_to_the_clusters_of_the_last_round_and_is_part_of_the_encoder(run, crowd):
    crops, plain = embed(run, crowd, whitened=False)
    members = read_members(run.folder / CLUSTERS)
    labels = np.array([members[text] for text in crops.table.texts])
    expected = unit(fit_whitening(plain.numpy(), labels, crops.cameras)(plain))
    found = embed(run, crowd)[1]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    assert float((found - plain).norm(dim=1).min()) > 1e-2
    means = camera_means_of(run)
    for camera, name in enumerate(crops.table.camera_names):
        own = found[torch.from_numpy(crops.cameras == camera)].mean(dim=0)
        np.testing.assert_allclose(means.means[means.cameras.index(name)], own, atol=1e-4)


def test_the_training_and_its_verdict_are_those_without(run, recipe_of, crowd, tmp_path):
    plain = reseen.train(recipe_of("cluster-contrast"), crowd, tmp_path / "plain", quiet=True)
    assert plain.encoder().whitening is None
    states = run.encoder(whitened=False).state_dict(), plain.encoder().state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])
    assert read_outcome(run.folder) == read_outcome(plain.folder)
    assert run.encoder(untrained=True).whitening is None


def test_going_on_keeps_it_and_makes_it_again_where_it_is_gone(run, recipe_of, crowd):
    whitening, cameras = ((run.folder / name).read_bytes() for name in (WHITENING, CAMERAS))
    (run.folder / WHITENING).unlink()
    assert camera_means_of(run) is None  # they are of whitened vectors
    again = reseen.train(whitened_recipe(recipe_of), crowd, run.folder, resume=True, quiet=True)
    assert (again.folder / WHITENING).read_bytes() == whitening
    assert (again.folder / CAMERAS).read_bytes() == cameras


def test_a_damaged_one_is_made_again_by_going_on(run, recipe_of, crowd):
    content = (run.folder / WHITENING).read_bytes()
    (run.folder / WHITENING).write_bytes(content[:100])
    with pytest.raises(RunError, match="damaged"):
        run.encoder()
    reseen.train(whitened_recipe(recipe_of), crowd, run.folder, resume=True, quiet=True)
    assert (run.folder / WHITENING).read_bytes() == content


def test_a_new_training_in_its_folder_takes_nothing_over(run, recipe_of, crowd):
    (run.folder / CHECKPOINT).unlink()
    again = reseen.train(recipe_of("cluster-contrast"), crowd, run.folder, resume=True, quiet=True)
    assert again.encoder().whitening is None
    assert not (run.folder / WHITENING).exists()
    assert camera_means_of(again) is not None


def test_a_run_equals_itself_also_without_whitening(run, crowd):
    settings = reseen.EvaluationSettings(whitened=False, baseline=run, details=False)
    evaluation = reseen.evaluate_run(run, crowd, settings, quiet=True)
    assert evaluation.score.mean_average_precision == evaluation.baseline.score.mean_average_precision
    assert not evaluation.score.preparation.whitened


def test_a_training_that_starts_there_starts_without(run, recipe_of, crowd, tmp_path):
    recipe = recipe_of("cluster-contrast")
    model = recipe.model.model_copy(update={"start": str(run.folder), "weights": "hub"})
    train = recipe.train.model_copy(update={"rounds": 0})
    recipe = recipe.model_copy(update={"model": model, "train": train})
    adapted = reseen.train(recipe, crowd, tmp_path / "adapted", quiet=True)
    assert adapted.encoder().whitening is None


def test_scores_say_it_and_can_leave_it_out(run, crowd):
    whitened, plain = (reseen.score(run, crowd, whitened=whitened, quiet=True) for whitened in (True, False))
    rules = [score.to_json()["rules"]["whitened_features"] for score in (whitened, plain)]
    assert rules == [True, False]
    assert whitened.mean_average_precision != plain.mean_average_precision


def test_a_saved_and_an_exported_encoder_whiten(run, crowd, tmp_path):
    image = next((crowd / "query").glob("*.jpg"))
    expected = reseen.load(run).embed(image)
    saved = reseen.load(reseen.load(run).save(tmp_path / "saved"))
    np.testing.assert_allclose(saved.embed(image), expected, atol=1e-5)
    made = reseen.export_run(run, tmp_path / "model.onnx", quiet=True)
    assert made.parity.minimum >= 0.9999


@pytest.mark.parametrize(
    ("name", "model"), [("global-patch", {}), ("sphere", {"feature": "raw"})], ids=["patches", "lengths"]
)
def test_embeddings_with_patches_or_lengths_are_refused(name, model, recipe_of, crowd, tmp_path):
    recipe = whitened_recipe(recipe_of, name)
    recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update=model)})
    with pytest.raises(
        SettingsError, match=r"train\.whiten: embeddings with lengths or patches are not whitened; set it"
    ):
        reseen.train(recipe, crowd, tmp_path / "run", quiet=True)

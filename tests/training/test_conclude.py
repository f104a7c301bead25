"""What a run keeps of its cameras."""

import numpy as np
import torch

import reseen
from reseen.data.crops import open_crops
from reseen.features.extract import extract
from reseen.runs.camera_file import CAMERAS, camera_means_of


def slow(run, table):
    """The mean of each camera's vectors by the run's encoder, one camera after another."""
    encoder = run.encoder()
    crops = open_crops(table, run.reading, encoder.height, encoder.width, progress=False)
    vectors = extract(encoder, crops, torch.device("cpu")).vectors.double().numpy()
    return {
        name: vectors[table.cameras == camera].mean(axis=0) for camera, name in enumerate(table.camera_names)
    }


def test_a_run_ends_with_the_means_of_its_cameras_by_the_encoder_that_is_scored(recipe_of, crowd, tmp_path):
    table = reseen.read_training(crowd)
    for name in ("cluster-contrast", "maskpre"):
        run = reseen.train(recipe_of(name), crowd, tmp_path / name, quiet=True)
        means = camera_means_of(run)
        assert int(means.crops.sum()) == len(table)
        for camera, expected in slow(run, table).items():
            found = means.means[means.cameras.index(camera)]
            np.testing.assert_allclose(found, expected, atol=1e-4)


def test_no_means_without_cameras(recipe_of, crowd, tmp_path):
    recipe = recipe_of("cluster-contrast")
    off = reseen.train(recipe.model_copy(update={"cameras": False}), crowd, tmp_path / "off", quiet=True)
    table = reseen.read_training(crowd)
    unknown = reseen.ImageTable(table.root, table.paths, table.cameras * 0 - 1)
    nameless = reseen.train(recipe, unknown, tmp_path / "unknown", quiet=True)
    for run in (off, nameless):
        assert camera_means_of(run) is None
        assert not (run.folder / CAMERAS).exists()


def test_means_of_earlier_rounds_are_made_again_and_cameras_switched_off_later_hide_them(
    recipe_of, crowd, tmp_path
):
    recipe = recipe_of("cluster-contrast")
    run = reseen.train(recipe, crowd, tmp_path / "run", quiet=True)
    first = (run.folder / CAMERAS).read_bytes()
    reseen.train(recipe, crowd, tmp_path / "run", resume=True, quiet=True)  # nothing is left to train
    assert (run.folder / CAMERAS).read_bytes() == first
    (run.folder / CAMERAS).write_bytes(first.replace(b"round 2", b"round 1"))
    assert camera_means_of(run) is None
    reseen.train(recipe, crowd, tmp_path / "run", resume=True, quiet=True)
    assert (run.folder / CAMERAS).read_bytes() == first

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import reseen
from reseen.data.crops import open_crops
from reseen.data.views import normalize
from reseen.errors import RunError, SettingsError, StorageError
from reseen.features import embed as module
from reseen.features.extract import extract
from reseen.runs.camera_file import CAMERAS, camera_means_of


@pytest.fixture
def run(tiny_flags, crowd, tmp_path):
    recipe = reseen.load_recipe(
        "cluster-contrast",
        [*tiny_flags[: tiny_flags.index("--train.rounds")], "--train.rounds", "0", "--train.device", "cpu"],
    )
    return reseen.train(recipe, crowd, tmp_path / "run", quiet=True)


def test_vectors_are_the_features_of_the_crops(run, crowd, tmp_path):
    file = reseen.embed(run, crowd, tmp_path / "v.parquet", quiet=True)
    table = reseen.read_training(crowd)
    crops = open_crops(table, run.recipe.data, 64, 32, progress=False)
    expected = extract(run.encoder(), crops, torch.device("cpu")).vectors.numpy()
    found = np.array(pq.read_table(file)["vector"].to_pylist(), dtype=np.float32)
    assert np.allclose(found, expected, atol=1e-6)


def test_a_table_in_any_order_keeps_its_order(run, crowd, tmp_path):
    table = reseen.read_training(crowd).select([5, 2, 9])
    file = reseen.embed(run, table, tmp_path / "v.parquet", quiet=True)
    assert pq.read_table(file)["path"].to_pylist() == list(table.paths)


def test_parts_of_other_crops_are_not_mixed_in(run, crowd, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PART", 8)
    embed_part, made = module._embed_part, []

    def stop_at_the_second(*arguments):
        if made:
            raise KeyboardInterrupt
        made.append(1)
        return embed_part(*arguments)

    monkeypatch.setattr(module, "_embed_part", stop_at_the_second)
    table = reseen.read_training(crowd)
    with pytest.raises(KeyboardInterrupt):
        reseen.embed(run, table, tmp_path / "v.parquet", quiet=True)
    monkeypatch.setattr(module, "_embed_part", embed_part)
    other = table.select(range(10, 20))
    reseen.embed(run, other, tmp_path / "v.parquet", quiet=True)
    assert pq.read_table(tmp_path / "v.parquet")["path"].to_pylist() == list(other.paths)


def test_cameras_are_centered_by_what_training_knew_of_them(run, crowd, tmp_path):
    plain, centered = (
        reseen.embed(run, crowd, tmp_path / f"{value}.parquet", center_cameras=value, quiet=True)
        for value in (False, True)
    )
    vectors, cameras = pq.read_table(plain)["vector"].to_pylist(), pq.read_table(plain)["camera"].to_pylist()
    centers = camera_means_of(run).shrunk(None, 64)
    for row in (0, 30, 71):
        moved = np.array(vectors[row]) - centers.by_camera[cameras[row]]
        found = pq.read_table(centered)["vector"][row].as_py()
        np.testing.assert_allclose(found, moved / np.linalg.norm(moved), atol=1e-5)
    assert b"mean of the camera in training subtracted" in pq.read_schema(centered).metadata[b"reseen"]
    (run.folder / CAMERAS).unlink()
    with pytest.raises(SettingsError, match="keeps no means of cameras"):
        reseen.embed(run, crowd, tmp_path / "none.parquet", center_cameras=True, quiet=True)


def test_mirrored_vectors_are_means_over_a_crop_and_its_mirror_image(run, crowd, tmp_path):
    file = reseen.embed(run, crowd, tmp_path / "mirrored.parquet", mirrored=True, quiet=True)
    crops = open_crops(reseen.read_training(crowd), run.recipe.data, 64, 32, progress=False)
    encoder = run.encoder().eval()
    for row in (0, 30, 71):
        images = normalize(crops.images(torch.tensor([row])), encoder.mean, encoder.std)
        with torch.no_grad():
            mean = (encoder(images) + encoder(images.flip(3)))[0] / 2
        found = torch.tensor(pq.read_table(file)["vector"][row].as_py())
        torch.testing.assert_close(found, mean / mean.norm(), atol=1e-5, rtol=0)
    assert b"mean of a crop and its mirror image" in pq.read_schema(file).metadata[b"reseen"]
    plain = reseen.embed(run, crowd, tmp_path / "plain.parquet", quiet=True)
    assert b"mirror image" not in pq.read_schema(plain).metadata[b"reseen"]
    with pytest.raises(SettingsError, match="leave out --engine ray"):
        reseen.embed(run, crowd, tmp_path / "ray", engine="ray", mirrored=True, quiet=True)


def test_what_is_wrong_is_said_before_any_work(run, crowd, tmp_path):
    with pytest.raises(StorageError, match="is a folder; give the name of a Parquet file"):
        reseen.embed(run, crowd, tmp_path)
    with pytest.raises(RunError, match="no such run folder"):
        reseen.embed(tmp_path / "none", crowd, tmp_path / "v.parquet")

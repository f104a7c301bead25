"""An encoder to use: what it embeds, and that it is the same after it was saved."""

import io
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import reseen
from reseen.data.crops import open_crops
from reseen.datasets import read_training
from reseen.features.extract import extract

TOLERANCE = 1e-4  # images go through batches of other sizes


@pytest.fixture
def run(recipe_of, crowd, tmp_path_factory):
    """A run of two rounds, made once; not to be changed."""
    folder = tmp_path_factory.getbasetemp() / "pretrained"
    if not folder.exists():
        reseen.train(recipe_of("cluster-contrast"), crowd, folder, quiet=True)
    return reseen.open_run(folder)


@pytest.fixture
def files(crowd):
    return [crowd / path for path in sorted(read_training(crowd).paths)[:3]]


def test_embeddings_are_those_of_the_run(run, crowd):
    table = read_training(crowd).select(np.arange(70))  # more than one batch
    encoder = run.encoder()
    crops = open_crops(table, run.reading, encoder.height, encoder.width, progress=False)
    expected = extract(encoder, crops, torch.device("cpu")).numpy
    found = reseen.load(run).embed(table.root / path for path in table.paths)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_every_kind_of_image_gives_the_same_embedding(run, files):
    encoder = reseen.load(run.folder)
    pixels = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    expected = encoder.embed(files)
    for images in (
        [str(file) for file in files],
        (file.read_bytes() for file in files),
        [Image.open(file) for file in files],
        pixels,
        np.stack(pixels),
        torch.from_numpy(np.stack(pixels)),
    ):
        np.testing.assert_allclose(encoder.embed(images), expected, atol=TOLERANCE)
    for image in (files[0], Image.open(files[0]), pixels[0], torch.from_numpy(pixels[0])):
        single = encoder.embed(image)
        assert single.shape == (encoder.dimension,)
        np.testing.assert_allclose(single, expected[0], atol=TOLERANCE)
    assert encoder.embed([]).shape == (0, encoder.dimension)


def test_pillow_images_are_read_as_files_are(run, files, tmp_path):
    encoder = reseen.load(run)
    turned = Image.open(files[0]).convert("RGB")
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    turned.save(tmp_path / "turned.png", exif=exif)
    gray = Image.fromarray(np.asarray(turned.convert("L")).astype(np.uint16) * 257)
    gray.save(tmp_path / "deep.png")
    for name in ("turned.png", "deep.png"):
        file = tmp_path / name
        np.testing.assert_allclose(encoder.embed(Image.open(file)), encoder.embed(file), atol=TOLERANCE)


def test_mirrored_embeddings_do_not_depend_on_the_side(run, files):
    encoder = reseen.load(run)
    pixels = np.asarray(Image.open(files[0]).convert("RGB"))
    one, other = encoder.embed([pixels, pixels[:, ::-1]], mirrored=True)
    np.testing.assert_allclose(one, other, atol=TOLERANCE)
    assert np.linalg.norm(one) == pytest.approx(1, abs=TOLERANCE)
    plain = encoder.embed([pixels, pixels[:, ::-1]])
    expected = plain.mean(axis=0)
    np.testing.assert_allclose(one, expected / np.linalg.norm(expected), atol=TOLERANCE)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("none.jpg", "none.jpg: cannot be opened"),
        (b"no image", "the image: not an image"),
        (np.zeros((4, 4), np.uint8), r"found \(4, 4\)"),
        (np.zeros((4, 4, 3), np.float32), "of type float32"),
        ([np.zeros((4, 4, 3), np.uint8), 7], "image 1: a int is no image"),
    ],
)
def test_what_is_no_image_is_refused(run, image, reason):
    with pytest.raises(reseen.DataError, match=reason):
        reseen.load(run).embed(image)


def test_a_saved_encoder_is_the_same(run, files, tmp_path):
    encoder = reseen.load(run)
    folder = encoder.save(tmp_path / "saved")
    assert {file.name for file in folder.iterdir()} == {"config.json", "model.safetensors", "README.md"}
    again = reseen.from_pretrained(folder)
    assert again.card == encoder.card
    assert again.encoder.state_dict().keys() == encoder.encoder.state_dict().keys()
    np.testing.assert_array_equal(again.embed(files), encoder.embed(files))


def test_part_and_patches_are_kept(recipe_of, crowd, files, tmp_path):
    run = reseen.train(recipe_of("global-patch"), crowd, tmp_path / "run", quiet=True)
    encoder = reseen.load(run)
    encoder.encoder.part = "patch"
    again = reseen.load(encoder.save(tmp_path / "saved"))
    assert again.dimension == encoder.dimension == 16
    np.testing.assert_array_equal(again.embed(files), encoder.embed(files))


def test_a_saved_encoder_names_no_place(run, tmp_path):
    """What is published must not tell where it was made."""
    folder = reseen.load(run).save(tmp_path / "saved")
    text = (folder / "config.json").read_text() + (folder / "README.md").read_text()
    assert str(run.folder.parent) not in text
    assert run.facts["root"] not in text
    assert '"command"' not in text
    command = run.facts["command"]
    assert command not in text or command == "-c"  # what a test's worker process was started with


def damaged(folder, name, content):
    (folder / name).write_bytes(content)


def test_damaged_files_are_said(run, tmp_path):
    whole = reseen.load(run).save(tmp_path / "whole")
    config = json.loads((whole / "config.json").read_text())
    faults = {
        "config.json": [b"", b"[]", json.dumps({**config, "height": -1}).encode()],
        "model.safetensors": [b"", (whole / "model.safetensors").read_bytes()[:-9]],
    }
    other = {**config, "model": {**config["model"], "backbone": "mobilenetv3_small_075"}}
    faults["config.json"].append(json.dumps(other).encode())
    faults["config.json"].append(json.dumps({**config, "model": {"backbone": "no such"}}).encode())
    for name, contents in faults.items():
        for number, content in enumerate(contents):
            folder = tmp_path / f"{name}{number}"
            shutil.copytree(whole, folder)
            damaged(folder, name, content)
            with pytest.raises(reseen.WeightsError) as caught:
                reseen.load(folder)
            assert "\n" not in str(caught.value)
    with pytest.raises(reseen.RunError):
        reseen.load(tmp_path)


def test_weights_are_never_fetched_from_where_a_stranger_says(run, tmp_path):
    folder = reseen.load(run).save(tmp_path / "saved")
    config = json.loads((folder / "config.json").read_text())
    config["model"] |= {"weights": str(tmp_path / "other.safetensors"), "start": str(tmp_path)}
    (folder / "config.json").write_text(json.dumps(config))
    assert reseen.load(folder).settings.weights == "none"
    assert reseen.load(folder).settings.start is None


def test_bytes_of_other_formats_are_read(run, files):
    stream = io.BytesIO()
    Image.open(files[0]).save(stream, "PNG")
    encoder = reseen.load(run)
    np.testing.assert_allclose(encoder.embed(stream.getvalue()), encoder.embed(files[0]), atol=TOLERANCE)

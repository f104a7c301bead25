"""Files of every format: they give the run's vectors at any batch and size, and say what they are."""

import json
import zipfile

import numpy as np
import onnx
import pytest
import torch

import reseen
from reseen.data.decode import fit
from reseen.data.views import normalize
from reseen.errors import ExportError, SettingsError
from reseen.export.exported import file_format, open_exported
from reseen.export.fingerprint import identify
from reseen.export.openvino_file import write_openvino


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(0, 256, (17, 64, 32, 3), dtype=np.uint8)


@torch.no_grad()
def by_torch(run, images):
    encoder = run.encoder()
    return encoder(normalize(torch.from_numpy(images).permute(0, 3, 1, 2), encoder.mean, encoder.std)).numpy()


def agree(found, wanted):
    assert found.shape == wanted.shape
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert (found * wanted).sum(axis=1).min() > 0.99999


@pytest.mark.parametrize("count", [1, 3, 17])
def test_onnx_takes_any_batch(count, onnx_export, tiny_run, noise):
    agree(open_exported(onnx_export.file)(noise[:count]), by_torch(tiny_run, noise[:count]))


def test_onnx_takes_any_size(onnx_export, tiny_run, crowd):
    table = reseen.read_training(crowd)
    crop = fit(np.asarray(__import__("PIL.Image").Image.open(table.path(0))), 150, 60)
    wanted = by_torch(tiny_run, fit(crop, 64, 32)[None].copy())
    found = open_exported(onnx_export.file)(crop[None])
    assert (found * wanted).sum() > 0.9999  # Pillow may round a pixel otherwise


def test_openvino_gives_the_same_at_any_size(onnx_export, tiny_run, noise, tmp_path):
    write_openvino(onnx_export.file, onnx_export.card, tmp_path / "model.xml")
    file, onnx_file = open_exported(tmp_path / "model.xml"), open_exported(onnx_export.file)
    assert file.card == onnx_export.card
    agree(file(noise), by_torch(tiny_run, noise))
    other = np.random.default_rng(1).integers(0, 256, (3, 90, 41, 3), dtype=np.uint8)
    agree(file(other), onnx_file(other))


def test_torch_holds_no_pickle(tiny_run, noise, tmp_path):
    made = reseen.export_run(tiny_run, tmp_path / "model.pt2", quiet=True)
    agree(open_exported(made.file)(noise), by_torch(tiny_run, noise))
    with zipfile.ZipFile(made.file) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            assert not (content.startswith((b"PK", b"\x80\x02", b"\x80\x04"))), name


def test_the_file_says_what_it_is(onnx_export, tiny_run):
    kept = {entry.key: entry.value for entry in onnx.load(onnx_export.file).metadata_props}
    assert kept == onnx_export.card == open_exported(onnx_export.file).card
    identity = identify(tiny_run, tiny_run.encoder())
    assert kept["reseen.fingerprint"] == identity.fingerprint
    assert kept["reseen.dimension"] == str(identity.dimension)
    assert kept["reseen.input"] == "images: uint8, 0 to 255, batch x height x width x 3, RGB"
    assert json.loads(kept["reseen.cameras"]) == ["c1", "c2", "c3"]
    assert kept["reseen.license"] == "drawn, free"
    assert kept["reseen.method"] == "cluster-contrast"
    assert kept["reseen.version"] == reseen.__version__


def test_axes_have_names(onnx_export):
    graph = onnx.load(onnx_export.file).graph
    names = [
        [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (graph.input[0], graph.output[0])
    ]
    assert names == [["batch", "height", "width", 3], ["batch", int(onnx_export.card["reseen.dimension"])]]


def test_files_that_are_no_export(onnx_export, tmp_path):
    with pytest.raises(ExportError, match="no such file"):
        open_exported(tmp_path / "nothing.onnx")
    for name in ("broken.onnx", "broken.xml", "broken.pt2"):
        (tmp_path / name).write_bytes(b"no model")
        with pytest.raises(ExportError, match="cannot be read as"):
            open_exported(tmp_path / name)
    model = onnx.load(onnx_export.file)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "bare.onnx")
    with pytest.raises(ExportError, match="has no metadata of reseen"):
        open_exported(tmp_path / "bare.onnx")


def test_a_format_is_its_suffix(tmp_path):
    assert file_format(tmp_path / "a.xml") == "openvino"
    assert file_format(tmp_path / "a.pt2", "torch") == "torch"
    for file, wanted, message in (
        ("a.onnx", "torch", r"must end in \.pt2 \(torch\), found '\.onnx'"),
        ("a.pth", None, r"\.onnx \(onnx\) or \.xml \(openvino\) or \.pt2 \(torch\), found '\.pth'"),
        ("a.onnx", "onx", "no 'onx'; did you mean 'onnx'"),
    ):
        with pytest.raises(SettingsError, match=message):
            file_format(tmp_path / file, wanted)

"""The whole way from a run to a file, for every method, and what cannot be exported."""

import builtins
import json
import os
import zipfile
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

import reseen
from reseen import optional_dependencies
from reseen.data.decode import fit
from reseen.data.views import normalize
from reseen.errors import DataError, ExportError, RunError, SettingsError, StorageError
from reseen.export import export as export_module
from reseen.export.fingerprint import identify
from reseen.export.parity import measure_parity, require_parity
from reseen.export.samples import synthetic_crops
from reseen.exported.exported_file import file_format, open_exported
from reseen.exported.input_spec import input_spec
from reseen.exported.openvino_file import write_openvino
from reseen.exported.parity_limits import MIN_MEDIAN_COSINE_INT8, Parity
from reseen.methods import METHODS


def short(recipe, backbone="test_resnet"):
    model = recipe.model.model_copy(update={"backbone": backbone})
    train = recipe.train.model_copy(update={"rounds": 1})
    return recipe.model_copy(update={"model": model, "train": train})


@pytest.mark.parametrize("name", sorted(METHODS))
def test_the_model_of_every_method_is_the_file(name, recipe_of, crowd, tmp_path):
    run = reseen.train(short(recipe_of(name)), crowd, tmp_path / "run", quiet=True)
    made = reseen.export_run(run, tmp_path / "model.pt2", quiet=True)
    assert made.parity.minimum >= 0.99999
    assert made.card["reseen.method"] == name
    assert made.checked_on == "crops of the run's data"


def test_patches_go_into_onnx_and_parts_can_be_chosen(recipe_of, crowd, tmp_path):
    run = reseen.train(short(recipe_of("global-patch")), crowd, tmp_path / "run", quiet=True)
    both = reseen.export_run(run, tmp_path / "both.onnx", quiet=True)
    whole = reseen.export_run(run, tmp_path / "whole.pt2", part="global", quiet=True)
    assert both.parity.minimum >= 0.99999
    assert both.card["reseen.part"] == "both"
    assert int(both.card["reseen.dimension"]) == int(whole.card["reseen.dimension"]) + 2 * 8
    assert both.card["reseen.fingerprint"] != whole.card["reseen.fingerprint"]


def test_tokens_go_into_onnx_as_a_tracker_feeds_them(recipe_of, crowd, tmp_path):
    run = reseen.train(short(recipe_of("cluster-contrast"), "test_vit"), crowd, tmp_path / "run", quiet=True)
    made = reseen.export_run(run, tmp_path / "model.onnx", input="tracker", quiet=True)
    assert made.parity.minimum >= 0.99999
    for count in (1, 3, 17):
        assert open_exported(made.file)(np.zeros((count, 3, 64, 32), dtype=np.float32)).shape == (count, 64)


def test_int8_is_near_and_small_and_scored(tiny_run, onnx_export, crowd, tmp_path):
    made = reseen.export_run(
        tiny_run, tmp_path / "model.onnx", int8=True, calibrate=crowd, crops=24, score=crowd, quiet=True
    )
    assert MIN_MEDIAN_COSINE_INT8 <= made.parity.median < 1
    assert made.size < onnx_export.size  # how many layers are spared hangs on the processor
    assert made.card["reseen.precision"] == "int8"
    assert "24 crops, seed 0; " in made.card["reseen.calibration"]
    assert open_exported(made.file).card == made.card
    wanted = reseen.score(tiny_run, crowd, quiet=True).mean_average_precision
    assert made.scores.run.mean_average_precision == pytest.approx(
        wanted, abs=0.05
    )  # as good as equal answers
    assert 0 < made.scores.file.mean_average_precision <= 1


@pytest.mark.parametrize("suffix", [".onnx", ".xml"])
def test_float16_is_near_and_half_the_size(suffix, tiny_run, onnx_export, tmp_path):
    made = reseen.export_run(tiny_run, tmp_path / f"model{suffix}", fp16=True, quiet=True)
    assert 0.999 <= made.parity.minimum <= 1.0001
    assert made.card["reseen.precision"] == "float16"
    assert made.size < 0.75 * onnx_export.size
    assert open_exported(made.file)(np.zeros((2, 64, 32, 3), np.uint8)).dtype == np.float32


def test_float16_is_in_the_file_where_the_backbone_computes(tiny_run, tmp_path):
    made = reseen.export_run(tiny_run, tmp_path / "model.onnx", fp16=True, input="tracker", quiet=True)
    graph = onnx.load(made.file).graph
    half, whole = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    convolved = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    assert {tensor.data_type for tensor in graph.initializer if tensor.name in convolved} == {half}
    ends = [value.type.tensor_type.elem_type for value in (graph.input[0], graph.output[0])]
    assert ends == [whole, whole]


def test_a_backbone_that_float16_ruins_is_refused(tiny_run, tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "measure_parity", lambda *_: Parity(0.95, 0.99, 8))
    with pytest.raises(ExportError, match=r"float16 changes the vectors too much: smallest cosine 0\.950000"):
        reseen.export_run(tiny_run, tmp_path / "model.onnx", fp16=True, quiet=True)
    with pytest.raises(ExportError, match="smallest cosine nan"):
        require_parity(Parity(float("nan"), float("nan"), 8), "float16")


@pytest.mark.parametrize("opset", [18, 21, 23])
def test_an_opset_is_that_of_the_file(opset, tiny_run, tmp_path):
    made = reseen.export_run(tiny_run, tmp_path / "model.onnx", opset=opset, quiet=True)
    assert {entry.domain: entry.version for entry in onnx.load(made.file).opset_import}[""] == opset
    assert made.parity.minimum >= 0.99999


def test_raw_vectors_are_refused(tiny_run, tmp_path):
    recipe = tiny_run.recipe.model_copy(
        update={"model": tiny_run.recipe.model.model_copy(update={"feature": "raw"})}
    )
    with pytest.raises(RunError, match=r"its vectors are raw.*--model\.feature sphere"):
        reseen.export_run(replace(tiny_run, recipe=recipe), tmp_path / "model.onnx", quiet=True)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"int8": True}, SettingsError, "--int8 needs a folder of crops to calibrate on: --calibrate DIR, such as"),
        ({"calibrate": "crops"}, SettingsError, "--calibrate is for --int8"),
        ({"int8": True, "calibrate": "empty"}, DataError, "empty"),
        ({"int8": True, "calibrate": "nowhere"}, DataError, "nowhere"),
        ({"int8": True, "calibrate": "few"}, DataError, "holds 1 crops; int8 calibration needs at least 16"),
        ({"out": "model.pt2", "int8": True, "calibrate": "few"}, SettingsError, "a file of torch keeps float32"),
        ({"out": "model.pth"}, SettingsError, r"found '\.pth'"),
        ({"out": "folder.onnx"}, StorageError, "is a folder"),
        ({"out": "file/model.onnx"}, StorageError, "file"),
        ({"input": "frames"}, SettingsError, "--input: no 'frames'"),
        ({"score": "nowhere"}, DataError, "nowhere"),
        ({"loss": 0}, SettingsError, "--loss 0: give the allowed drop of the median cosine"),
        ({"opset": 17}, SettingsError, "--opset 17: give 18 to 23"),
        ({"out": "model.xml", "opset": 19}, SettingsError, "--opset is for onnx; a file of openvino has none"),
        ({"out": "model.pt2", "fp16": True}, SettingsError, "a file of torch keeps float32"),
        ({"fp16": True, "int8": True, "calibrate": "few"}, SettingsError, "--fp16 and --int8 exclude each other"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_at_once(
    options, error, message, tiny_run, make_images, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    make_images("a.jpg", folder="few")
    for folder in ("empty", "folder.onnx"):
        (tmp_path / folder).mkdir()
    (tmp_path / "file").write_text("precious")
    monkeypatch.setattr(export_module, "trace", None)  # nothing slow may have begun
    with pytest.raises(error, match=message):
        reseen.export_run(tiny_run, options.pop("out", "model.onnx"), **options, quiet=True)
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tiny_run, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="cannot be written"):
        reseen.export_run(tiny_run, tmp_path / "model.pt2", quiet=True)
    tmp_path.chmod(0o700)


def test_a_missing_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(
        optional_dependencies, "import_module", lambda name: (_ for _ in ()).throw(builtins.ImportError(name))
    )
    with pytest.raises(SettingsError, match=r"needs onnxruntime.*pip install 'reseen\[onnx\]'"):
        optional_dependencies.require_package("onnxruntime.quantization", "onnx")


def test_a_file_that_is_not_the_model_is_not_kept(tiny_run, tmp_path, monkeypatch):
    """The old file stays when the new one fails its check."""
    (tmp_path / "model.pt2").write_bytes(b"old")
    monkeypatch.setattr(export_module, "measure_parity", lambda *_: Parity(0.9998, 1.0, 8))
    with pytest.raises(
        ExportError, match=r"smallest cosine 0\.999800 over 8 crops, required 0\.99999; it was not kept"
    ):
        reseen.export_run(tiny_run, tmp_path / "model.pt2", quiet=True)
    assert (tmp_path / "model.pt2").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt2"]


def test_parity_sees_a_wrong_file(onnx_export, tiny_run):
    encoder, file = tiny_run.encoder(), open_exported(onnx_export.file)
    crops = synthetic_crops(encoder)
    spec = input_spec()
    whole = measure_parity(file, encoder, spec, crops)
    assert whole.minimum > 0.99999
    assert whole.crops == len(crops) + len(crops[:: max(1, len(crops) // 8)])
    swapped = measure_parity(lambda images: file(images[..., ::-1].copy()), encoder, spec, crops)
    assert swapped.minimum < 0.9999
    with pytest.raises(ExportError, match="of length 2"):
        measure_parity(lambda images: 2 * file(images), encoder, spec, crops)
    with pytest.raises(ExportError, match="of shape"):
        measure_parity(lambda images: file(images)[:, 1:], encoder, spec, crops)
    with pytest.raises(ExportError, match="median cosine nan"):
        require_parity(Parity(float("nan"), float("nan"), 8), "int8")


def test_without_the_data_crops_are_synthetic(tiny_run, tmp_path):
    moved = replace(tiny_run, facts=tiny_run.facts | {"root": str(tmp_path / "gone")})
    assert reseen.export_run(moved, tmp_path / "model.pt2", quiet=True).checked_on == "synthetic crops"


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

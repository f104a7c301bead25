"""The folder for the package `reid`, read by that package itself."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import reseen
from reseen.errors import ExportError, SettingsError
from reseen.export.reid_folder import write_reid
from reseen.exported.exported_file import open_exported
from reseen.exported.reid_reader import REID_CONFIG, TIMM_CONFIG, WEIGHTS, ReidFolder
from reseen.models import Encoder, ModelSettings


def encoder_of(backbone, height=64, width=32, **settings):
    """An encoder with a neck that does something."""
    torch.manual_seed(0)
    encoder = Encoder(ModelSettings(backbone=backbone, weights="none", **settings), height, width).eval()
    with torch.no_grad():
        if not encoder.norms():
            return encoder
        encoder.neck.running_mean.normal_()
        encoder.neck.running_var.uniform_(0.5, 2)
        encoder.neck.weight.uniform_(0.5, 2)
    return encoder


def written(encoder, backbone, folder):
    write_reid(encoder, {"reseen.backbone": backbone}, folder, folder)
    return folder


@pytest.fixture
def images(tmp_path):
    """Crops without losses, so that every decoder gives the same pixels."""
    files = []
    generator = np.random.default_rng(0)
    for number, size in enumerate([(90, 41), (64, 32), (200, 77)]):
        pixels = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
        file = tmp_path / f"{number}.png"
        Image.fromarray(pixels).resize((size[1], size[0])).save(file)
        files.append(str(file))
    return files


@pytest.mark.parametrize(
    ("backbone", "settings", "by_name"),
    [
        ("test_vit", {"height": 160, "width": 160}, True),  # the size that timm builds it for
        ("test_vit", {}, False),
        ("test_vit", {"pooling": "average"}, False),
        ("test_convnext", {"pooling": "average", "height": 128, "width": 64}, False),
        ("test_resnet", {"pooling": "average", "last_stride": 2, "neck": "none"}, True),
    ],
)
def test_the_package_gives_the_vectors_of_the_run(backbone, settings, by_name, images, tmp_path):
    reid = pytest.importorskip("reid")
    encoder = encoder_of(backbone, **settings)
    folder = written(encoder, backbone, tmp_path / "folder")
    assert (folder / TIMM_CONFIG).exists() != by_name
    model = reid.ReIDModel.from_pretrained(str(folder), device="cpu")
    found = model.extract_embeddings_from_paths(images)
    wrapped = reseen.PretrainedEncoder(encoder, ModelSettings(backbone=backbone, weights="none"), "")
    wanted = wrapped.embed(images)
    cosines = (found * wanted).sum(axis=1) / np.linalg.norm(found, axis=1)
    assert cosines.min() > 0.99999
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() > 0.1  # it does not normalize, which the card says


def test_a_run_is_exported_and_compared(crowd, tmp_path):
    flags = [
        "--model.backbone", "test_vit", "--model.weights", "none", "--data.height", "64", "--data.width", "32",
        "--train.rounds", "0", "--train.device", "cpu", "--model.norm-group", "8",
        "--method.sampler.clusters-per-batch", "4", "--method.sampler.images-per-cluster", "4",
    ]  # fmt: skip
    run = reseen.train(reseen.load_recipe("cluster-contrast", flags), crowd, tmp_path / "run", quiet=True)
    made = reseen.export_run(run, tmp_path / "folder", format="reid", license="drawn", quiet=True)
    assert made.parity.minimum >= 0.99999
    assert made.size == sum(file.stat().st_size for file in made.file.iterdir())
    opened = open_exported(made.file)
    assert opened.card == made.card
    assert opened.card["reseen.license"] == "drawn"
    assert "of any length, compared by cosine" in opened.card["reseen.output"]
    architecture = json.loads((made.file / REID_CONFIG).read_text())["architecture"]
    assert architecture == f"timm:local-dir:{made.file.absolute()}"
    shutil.move(made.file, tmp_path / "moved")  # reseen reads what lies beside it
    assert open_exported(tmp_path / "moved")(np.zeros((2, 3, 64, 32), np.float32)).shape == (2, 64)


def test_a_file_of_before_that_is_not_needed_now_is_gone(crowd, tmp_path):
    from reseen.export.export import _move_into_place
    from reseen.exported.exported_file import files_of

    old, new = tmp_path / "old", tmp_path / "new"
    written(encoder_of("test_vit"), "test_vit", old)
    written(encoder_of("test_vit", 160, 160), "test_vit", new)
    _move_into_place(files_of(new, "reid"), files_of(old, "reid"))
    assert sorted(file.name for file in old.iterdir()) == [REID_CONFIG, WEIGHTS]
    assert ReidFolder(old)(np.zeros((1, 3, 160, 160), np.float32)).shape == (1, 64)


@pytest.mark.parametrize(
    ("backbone", "settings", "message"),
    [
        ("test_resnet", {}, "has no generalized-mean pooling"),
        (
            "test_resnet",
            {"pooling": "average"},
            r"other layers or strides .*\(train with --model\.last-stride 2\)",
        ),
        ("test_resnet", {"pooling": "average", "last_stride": 2}, "does not end in a normalization"),
        ("test_vit", {"patches": {"count": 2, "dimension": 8}}, "no patch embeddings; use --part global"),
    ],
)
def test_what_would_rank_otherwise_is_refused(backbone, settings, message, tmp_path):
    with pytest.raises(ExportError, match=message) as refused:
        written(encoder_of(backbone, **settings), backbone, tmp_path / "folder")
    assert "export it with --format onnx, or hand the module to the package" in str(refused.value)
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"out": "folder.onnx"}, "--format reid writes a folder; give a name without '.onnx'"),
        ({"input": "tracker"}, "--input, --layout and --channels are for onnx"),
        ({"int8": True, "calibrate": "x"}, "a folder of reid keeps float32"),
        ({"fp16": True}, "a folder of reid keeps float32"),
        ({"opset": 19}, "--opset is for onnx; a folder of reid has none"),
    ],
)
def test_options_of_other_formats_are_refused(options, message, tiny_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = options.pop("out", "folder")
    with pytest.raises(SettingsError, match=message):
        reseen.export_run(tiny_run, out, format="reid", **options, quiet=True)


@pytest.fixture
def folder(tmp_path):
    return written(encoder_of("test_vit"), "test_vit", tmp_path / "folder")


def test_damaged_folders_are_one_line(folder):
    good = (folder / REID_CONFIG).read_text()
    for text in (
        "{",
        "{}",
        good.replace("local-dir:", "hf-hub:"),
        good.replace("timm:local-dir:", "timm:nothing at "),
    ):
        (folder / REID_CONFIG).write_text(text)
        with pytest.raises(ExportError) as refused:
            open_exported(folder)
        assert "\n" not in str(refused.value)
    (folder / REID_CONFIG).write_text(good)
    (folder / TIMM_CONFIG).write_text('{"architecture": "test_vit", "model_args": {"pretrained": true}}')
    with pytest.raises(ExportError, match="not a folder for reid"):
        open_exported(folder)
    written(encoder_of("test_vit"), "test_vit", folder)
    (folder / WEIGHTS).unlink()
    with pytest.raises(ExportError, match="not a folder for reid"):
        open_exported(folder)

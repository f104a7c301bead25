"""Vectors by exported files and by PyTorch in other precisions: as close as is said, and never taken for others."""

import builtins
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import reseen
from reseen import optional_dependencies
from reseen.data.crops import open_crops
from reseen.errors import ExportError, SettingsError
from reseen.exported.exported_file import open_exported
from reseen.exported.openvino_file import write_openvino
from reseen.exported.parity_limits import MIN_MEDIAN_COSINE_INT8
from reseen.features import embed as embed_module
from reseen.features import engine as module
from reseen.features.engine import PARITY_CROPS, EngineChoice, open_engine
from reseen.features.extract import extract
from reseen.features.frozen_maps import FrozenMaps
from reseen.models import Encoder


def tiny_run(crowd, folder, seed):
    flags = [
        "--model.backbone", "test_resnet", "--model.weights", "none", "--model.norm-group", "8",
        "--data.height", "64", "--data.width", "32", "--method.sampler.clusters-per-batch", "4",
        "--method.sampler.images-per-cluster", "4", "--train.rounds", "0", "--train.device", "cpu", "--seed", str(seed),
    ]  # fmt: skip
    return reseen.train(reseen.load_recipe("cluster-contrast", flags), crowd, folder, quiet=True)


@pytest.fixture(scope="module")
def run(crowd, tmp_path_factory):
    """Weights before the first step, with a neck that knows the crops; not to be changed."""
    return tiny_run(crowd, tmp_path_factory.mktemp("engine") / "run", 0)


@pytest.fixture(scope="module")
def files(run, crowd, tmp_path_factory):
    """Exported files of the run, by what they are."""
    folder = tmp_path_factory.mktemp("exported")
    made = reseen.export_run(run, folder / "plain.onnx", quiet=True)
    write_openvino(made.file, made.card, folder / "plain.xml")
    int8 = reseen.export_run(run, folder / "int8.onnx", int8=True, calibrate=crowd, crops=24, quiet=True)
    torch_file = reseen.export_run(run, folder / "bgr.pt2", input="tracker", channels="bgr", quiet=True)
    return {"onnx": made.file, "openvino": folder / "plain.xml", "int8": int8.file, "torch": torch_file.file}


@pytest.fixture
def embed(run, crowd, tmp_path):
    """A function that embeds the crowd: vectors (n, d), and what the file says of them."""
    count = 0

    def embedded(run=run, **options):
        nonlocal count
        count += 1
        out = tmp_path / f"{count}.parquet"
        table = pq.read_table(reseen.embed(run, crowd, out, quiet=True, **{"feature_cache": 0} | options))
        assert table["path"].to_pylist() == list(reseen.read_training(crowd).paths)
        return np.array(table["vector"].to_pylist(), np.float32), json.loads(table.schema.metadata[b"reseen"])

    return embedded


def cosines(first, second):
    return (first.astype(np.float64) * second).sum(axis=1)


@pytest.mark.parametrize(
    ("kind", "name"), [("onnx", "onnxruntime "), ("openvino", "OpenVINO "), ("torch", "torch.export ")]
)
def test_a_float32_file_gives_the_vectors_of_the_run(kind, name, files, embed):
    plain, plain_facts = embed()
    found, facts = embed(exported=files[kind])
    assert cosines(plain, found).min() > 0.99999
    assert facts["engine"].startswith(name)
    assert facts["engine"][len(name)].isdigit()
    assert (facts["precision"], facts["exported"]) == ("float32", files[kind].name)
    assert 0.99999 <= facts["parity"]["minimum"] <= facts["parity"]["median"] < 1.00001
    assert facts["parity"]["crops"] == PARITY_CROPS
    assert plain_facts["engine"].startswith("PyTorch ")
    assert plain_facts["precision"] == "float32"
    assert not {"exported", "parity"} & plain_facts.keys()
    same = facts.keys() - {"engine", "exported", "parity"}
    assert {key: facts[key] for key in same} == {key: plain_facts[key] for key in same}


def test_an_int8_file_is_as_close_as_is_said(files, embed):
    plain, found, facts = embed()[0], *embed(exported=files["int8"])
    assert facts["precision"] == "int8"
    compared = np.linspace(0, len(plain) - 1, PARITY_CROPS).round().astype(int)
    measured = cosines(plain, found)
    assert measured[compared].min() == pytest.approx(facts["parity"]["minimum"], abs=1e-3)
    assert np.median(measured[compared]) == pytest.approx(facts["parity"]["median"], abs=1e-3)
    assert np.median(measured) >= MIN_MEDIAN_COSINE_INT8
    assert not np.array_equal(plain, found)


def test_pytorch_in_other_precisions(embed, run):
    plain = embed()[0]
    found, facts = embed(precision="auto")
    assert cosines(plain, found).min() > 0.99999
    assert facts["precision"] == "float32"
    assert facts["parity"]["minimum"] > 0.99999
    found, facts = embed(precision="bf16")
    assert facts["precision"] == "bf16"
    assert np.median(cosines(plain, found)) >= MIN_MEDIAN_COSINE_INT8
    assert cosines(plain, found).min() < 1 - 1e-7, "bfloat16 has eight bits"


def test_no_engine_reads_what_another_has_kept(files, embed, monkeypatch):
    """Neither from the cache of features, nor from the parts of an interrupted command."""
    options = [{}, {"exported": files["int8"]}, {"exported": files["onnx"]}, {"precision": "auto"}]
    fresh = [embed(**each)[0] for each in options]
    kept = [embed(**each, feature_cache=1)[0] for each in options]
    for wanted, found in zip(fresh, kept, strict=True):
        assert np.array_equal(wanted, found)
    monkeypatch.setattr(module.ExportedEncoder, "__call__", lambda *_: pytest.fail("computed again"))
    monkeypatch.setattr(embed_module, "compare_with_encoder", lambda *_: None)
    assert np.array_equal(embed(exported=files["int8"], feature_cache=1)[0], fresh[1])


def test_parts_of_another_engine_are_not_mixed_in(files, run, crowd, tmp_path, embed, monkeypatch):
    monkeypatch.setattr(embed_module, "PART", 8)
    embed_part, made = embed_module._embed_part, []

    def stop_at_the_second(*arguments):
        if made:
            raise KeyboardInterrupt
        made.append(1)
        return embed_part(*arguments)

    out, options = tmp_path / "v.parquet", {"feature_cache": 0, "quiet": True}
    monkeypatch.setattr(embed_module, "_embed_part", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        reseen.embed(run, crowd, out, **options)
    monkeypatch.setattr(embed_module, "_embed_part", embed_part)
    reseen.embed(run, crowd, out, exported=files["int8"], **options)
    found = np.array(pq.read_table(out)["vector"].to_pylist(), np.float32)
    assert np.array_equal(found, embed(exported=files["int8"])[0])


def test_a_file_of_another_run_is_refused(files, crowd, tmp_path):
    other = tiny_run(crowd, tmp_path / "other", 1)
    with pytest.raises(
        ExportError, match=r"plain\.onnx: not the encoder of .*other: it is of another run.*reseen export"
    ):
        reseen.embed(other, crowd, tmp_path / "v.parquet", exported=files["onnx"], quiet=True)
    assert not (tmp_path / "v.parquet").exists()


def test_a_file_of_another_part_is_refused(files, run, monkeypatch):
    opened = open_exported(files["onnx"])
    opened.card |= {"reseen.part": "patch", "reseen.fingerprint": "0"}
    monkeypatch.setattr(module, "open_exported", lambda _file: opened)
    with pytest.raises(ExportError, match="it embeds the part 'patch', and the run is scored with 'global'"):
        open_engine(run, run.encoder(), EngineChoice(files["onnx"]))


def test_mirrored_crops_and_what_does_not_go_together(files, run, crowd):
    encoder, table = run.encoder(), reseen.read_training(crowd)
    crops, device = open_crops(table, run.reading, 64, 32, progress=False), torch.device("cpu")
    engine = open_engine(run, encoder, EngineChoice(files["onnx"]))
    wanted = extract(encoder, crops, device, mirrored=True)
    found = extract(engine.encoder, crops, device, mirrored=True, embedder=engine.file)
    assert cosines(wanted.numpy, found.numpy).min() > 0.99999
    kept = FrozenMaps.open_if_possible(range(len(crops)), 1, 1.0)
    with pytest.raises(ValueError, match="maps of frozen stages are those of the encoder"):
        extract(encoder, crops, device, kept=kept, embedder=engine.file)


class Broken:
    """An opened file whose runtime does something else."""

    runtime = "onnxruntime 0"

    def __init__(self, file, outputs, **card):
        self.card, self._outputs = open_exported(file).card | card, outputs

    def __call__(self, images):
        return self._outputs(images)


def fail(_images):
    raise RuntimeError("illegal instruction\nsecond line")


@pytest.mark.parametrize(
    ("outputs", "card", "message"),
    [
        (fail, {}, r"onnxruntime 0 cannot run it \(illegal instruction\); export it again"),
        (lambda images: np.ones((len(images), 3)), {}, r"gives an array of \(32, 3\) for 32 crops, expected"),
        (
            lambda images: np.eye(96, dtype=np.float32)[: len(images)],
            {},
            "in float32 is too far from PyTorch in float32 on 32 of the crops: smallest cosine .*, required 0.99999",
        ),
        (
            lambda images: np.eye(96, dtype=np.float32)[: len(images)],
            {"reseen.precision": "int8"},
            "in int8 is too far from PyTorch in float32 on 32 of the crops: median cosine .*, required 0.9",
        ),
        (None, {"reseen.input.kind": "sound"}, "its metadata do not say what its input is"),
    ],
)
def test_a_file_that_does_not_do_what_it_says(outputs, card, message, files, embed, monkeypatch):
    monkeypatch.setattr(module, "open_exported", lambda file: Broken(file, outputs, **card))
    with pytest.raises(ExportError, match=message):
        embed(exported=files["onnx"])


def test_a_precision_that_is_useless_is_refused(embed, monkeypatch):
    monkeypatch.setattr(module, "MIN_MEDIAN_COSINE_INT8", 1.1)
    with pytest.raises(SettingsError, match=r"PyTorch .* in bf16 is too far.*; leave --precision out"):
        embed(precision="bf16")


def test_what_does_not_fit_is_said_before_any_work(files, run, crowd, tmp_path, monkeypatch):
    monkeypatch.setattr(Encoder, "maps", lambda *_: pytest.fail("computed"))
    for options, error, message in (
        ({"exported": "none.onnx"}, ExportError, "none.onnx: no such file; write it with `reseen export`"),
        ({"exported": "model.pth"}, SettingsError, r"the file name must end in \.onnx"),
        ({"exported": files["onnx"], "precision": "auto"}, SettingsError, "leave one of the two out"),
        (
            {"exported": files["onnx"], "engine": "ray"},
            SettingsError,
            "leave out --exported and --precision, or Ray",
        ),
        ({"precision": "fp8"}, SettingsError, "--precision: no 'fp8'; known: 32, auto, bf16"),
    ):
        with pytest.raises(error, match=message):
            reseen.embed(run, crowd, tmp_path / "v.parquet", quiet=True, **options)
    monkeypatch.setattr(
        optional_dependencies, "import_module", lambda name: (_ for _ in ()).throw(builtins.ImportError(name))
    )
    with pytest.raises(SettingsError, match=r"needs onnxruntime.*pip install 'reseen\[onnx\]'"):
        reseen.embed(run, crowd, tmp_path / "v.parquet", exported=files["onnx"], quiet=True)

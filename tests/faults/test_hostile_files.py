"""A file that would run code where it is unpickled, evaluated or interpreted, in place of every file that is read."""

import json
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import timm
import torch

import reseen
from reseen.data import pixel_cache as cache
from reseen.data.decode import UnreadableError, decode
from reseen.data.pixels import open_pixels
from reseen.datasets.benchmark_splits import read_matrix
from reseen.errors import DataError, ExportError, GalleryError
from reseen.evaluate.feature_files import read_features
from reseen.export.graph import DeployedEncoder, trace
from reseen.exported.exported_file import open_exported
from reseen.exported.input_spec import input_spec
from reseen.exported.torch_file import write_torch
from reseen.features.vector_file import read_vectors
from reseen.gallery.stores.edge import read_journal
from reseen.runs.checkpoint import CHECKPOINT


class Hostile:
    """Touches a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.fixture
def marker(tmp_path):
    """The file that only hostile code makes; at the end there must be none."""
    path = tmp_path / "code ran"
    yield path
    assert not path.exists(), "the code in a hostile file ran"


def as_pickle(marker):
    return pickle.dumps(Hostile(marker))


def as_torch_file(marker, file):
    torch.save({"conv1.weight": Hostile(marker)}, file)


def test_the_payload_works(tmp_path):
    pickle.loads(as_pickle(tmp_path / "ran"))
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("write", [lambda marker, file: file.write_bytes(as_pickle(marker)), as_torch_file])
@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth", "weights.bin", "weights.pt"])
def test_weights(fault, train_flags, crowd, marker, tmp_path, name, write):
    write(marker, tmp_path / name)
    flags = train_flags(crowd, tmp_path / "run")
    flags[flags.index("--model.weights") + 1] = tmp_path / name
    assert "pickled checkpoints are not supported" in fault(*flags)


def test_weights_that_timm_fetched(marker, tmp_path):
    """timm reads `.bin` files of its hub, too: by the reader of PyTorch that makes tensors and nothing else."""
    as_torch_file(marker, tmp_path / "pytorch_model.bin")
    with pytest.raises(Exception, match="weights_only"):
        timm.create_model(
            "test_resnet",
            pretrained=True,
            pretrained_cfg_overlay={"file": str(tmp_path / "pytorch_model.bin")},
        )


def test_a_checkpoint_and_what_lies_beside_it(fault, desk, marker, tmp_path):
    for name, said in (
        (CHECKPOINT, "damaged"), ("run.json", "damaged"), ("recipe.yaml", "cannot be read as a recipe"),
    ):  # fmt: skip
        run = shutil.copytree(desk.run, tmp_path / name)
        (run / name).write_bytes(as_pickle(marker))
        assert said in fault(
            "embed", run, "--quiet", "--data", desk.crowd, "--out", tmp_path / "vectors.parquet"
        )
        as_torch_file(marker, run / name)
        fault("evaluate", run, "--quiet", "--data", desk.crowd)


@pytest.mark.parametrize(
    "text",
    ['!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ["{marker}"]]',
     "seed: !!python/object/new:os.system [touch '{marker}']",
     "seed: !!python/name:os.system",
     "train: !!python/module:os"],
)  # fmt: skip
def test_a_recipe(fault, crowd, marker, tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text.format(marker=marker))
    assert "not valid YAML" in fault(
        "train", tmp_path / "mine.yaml", "--data", crowd, "--out", tmp_path / "run"
    )


def test_arrays_of_objects(marker, tmp_path):
    objects = np.array([Hostile(marker)] * 2, dtype=object)
    np.savez(tmp_path / "features.npz", features=objects, identities=[1, 2])
    np.savez(tmp_path / "identities.npz", features=np.eye(2), identities=objects)
    (tmp_path / "pickle.npz").write_bytes(as_pickle(marker))
    np.save(tmp_path / "array.npy", objects, allow_pickle=True)
    for name in ("features.npz", "identities.npz", "pickle.npz", "array.npy"):
        with pytest.raises(DataError):
            read_features(tmp_path / name)
    np.savez(tmp_path / "journal.npz", vectors=objects, entries=objects)
    with pytest.raises(GalleryError, match="cannot be read"):
        read_journal(tmp_path / "journal.npz")
    with pytest.raises(DataError, match="cannot be read as a MATLAB file"):
        read_matrix(tmp_path / "pickle.npz", "tracks")


def test_decoded_pixels_of_a_cache(desk, marker, tmp_path):
    table = reseen.read_training(desk.crops)
    store = open_pixels(table, 24, 12, cache_dir=tmp_path, progress=False)
    rows = torch.arange(4)
    decoded = store.images(rows)
    (entry,) = (tmp_path / "pixels").iterdir()
    np.save(tmp_path / "forged.npy", np.array([Hostile(marker)] * 4, dtype=object), allow_pickle=True)
    (tmp_path / "forged.npy").rename(entry / cache.PIXELS_FILE)
    again = open_pixels(table, 24, 12, cache_dir=tmp_path, progress=False)
    assert torch.equal(decoded, again.images(rows))


def test_tables(fault, crowd, marker, tmp_path):
    file = tmp_path / "crops.parquet"
    file.write_bytes(as_pickle(marker))
    for read in (read_vectors, read_features):
        with pytest.raises(DataError):
            read(file)
    assert "cannot be read as a manifest" in fault("data", "check", file)
    # the name under which Arrow once unpickled types written in Python
    field = pa.field("path", pa.string(), metadata={
        b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": as_pickle(marker),
    })  # fmt: skip
    pq.write_table(pa.table([pa.array(["a.jpg"])], schema=pa.schema([field])), file)
    assert "a.jpg" in fault("data", "check", file)


def test_pictures(marker):
    script = f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({marker}) (w) file closefile\n"
    for content in (as_pickle(marker), script.encode(), b"\xff\xd8\xff" + as_pickle(marker)):
        with pytest.raises(UnreadableError, match=r"not an image|corrupt"):
            decode(content)


@pytest.fixture(scope="module")
def exported(desk, tmp_path_factory):
    """A `.pt2` file of the tiny run."""
    file = tmp_path_factory.mktemp("exported") / "model.pt2"
    form = input_spec("tracker")
    write_torch(
        trace(DeployedEncoder(reseen.open_run(desk.run).encoder(), form).eval(), form), {"format": 1}, file
    )
    return file


def rewritten(exported, file, change):
    """A copy of an archive in which `change` has altered the parts."""
    with zipfile.ZipFile(exported) as archive:
        parts = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(f"{exported.stem}/{name}", content)
    return file


def altered(parts, name, change):
    values = json.loads(parts[name])
    change(values)
    parts[name] = json.dumps(values).encode()


def first_expression(values):
    found = values["graph_module"]["graph"]["tensor_values"].values()
    return next(size["as_expr"] for value in found for size in value["sizes"] if "as_expr" in size)


MODEL = "models/model.json"


def test_an_export_is_read(exported):
    assert open_exported(exported).card == {"format": 1}


@pytest.mark.parametrize("expression", [
    "__import__('pathlib').Path('{marker}').touch()", "exec(chr(49))", "Symbol('s0', positive=True).__class__",
    "Symbol('x'), exec('1')", "(lambda: 0)()", "[1]", "'x'", "open('{marker}', 'w')",
])  # fmt: skip
def test_an_exported_file_with_an_expression_that_is_code(exported, marker, tmp_path, expression):
    def change(values):
        first_expression(values)["expr_str"] = expression.format(marker=marker)

    file = rewritten(exported, tmp_path / "model.pt2", lambda parts: altered(parts, MODEL, change))
    with pytest.raises(ExportError, match="which could run code; it was not loaded"):
        open_exported(file)


@pytest.mark.parametrize(("key", "value"), [
    ("guards_code", ["__import__('os').system('true')"]),
    ("target", "torch.hub.load"), ("target", "_operator.methodcaller"), ("target", "#extension:os.system"),
    ("name", "x = __import__('os')"),
    ("in_spec", '[1, {"type": "builtins.dict", "context": "{\\"__enum__\\": \\"os\\"}", "children_spec": []}]'),
])  # fmt: skip
def test_an_exported_file_with_names_that_are_code(exported, marker, tmp_path, key, value):
    def change(values):
        if key == "guards_code":
            values[key] = value
        elif key == "in_spec":
            values["graph_module"]["module_call_graph"][0]["signature"][key] = value
        else:
            values["graph_module"]["graph"]["nodes"][0][key] = value

    file = rewritten(exported, tmp_path / "model.pt2", lambda parts: altered(parts, MODEL, change))
    with pytest.raises(ExportError, match="which could run code; it was not loaded"):
        open_exported(file)


def test_an_exported_file_with_a_pickle(exported, marker, tmp_path):
    torch.save(Hostile(marker), tmp_path / "tensor")
    hostile = (tmp_path / "tensor").read_bytes()

    def as_weight(parts):
        def change(values):
            next(iter(values["config"].values()))["use_pickle"] = True

        altered(parts, "data/weights/model_weights_config.json", change)
        parts["data/weights/weight_0"] = hostile

    changes = [
        as_weight,
        lambda parts: parts.update({"data/sample_inputs/model.pt": hostile}),
        lambda parts: parts.update({"data/constants/custom_obj_0": hostile}),
        lambda parts: parts.update({"data/aotinductor/model/model.so": b"\x7fELF"}),
        lambda parts: parts.update({"serialized_state_dict.pt": hostile}),
    ]
    for number, change in enumerate(changes):
        file = rewritten(exported, tmp_path / f"{number}.pt2", change)
        with pytest.raises(ExportError, match="which could run code; it was not loaded"):
            open_exported(file)
    for name in ("bare.pt2", "bare.onnx"):
        (tmp_path / name).write_bytes(as_pickle(marker))
        with pytest.raises(ExportError, match="cannot be read as"):
            open_exported(tmp_path / name)

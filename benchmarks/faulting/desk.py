"""What the fuzzer needs at hand: a few crops, a tiny run, and files of every format that reseen reads."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

import reseen
from reseen.synthetic import draw_crowd

TINY = (
    "--model.backbone", "test_resnet", "--model.weights", "none", "--model.norm-group", "8",
    "--data.height", "64", "--data.width", "32", "--method.sampler.clusters-per-batch", "4",
    "--method.sampler.images-per-cluster", "4", "--method.clustering.jaccard.k1", "8",
    "--method.clustering.jaccard.k2", "3",
    "--method.clustering.eps", "auto", "--train.device", "cpu",
)  # fmt: skip
"""Settings under which a round takes part of a second."""


@dataclass(frozen=True)
class Desk:
    """A folder with `crowd` (drawn), `crops` (four images of noise) and `run` (one round on the crowd)."""

    folder: Path

    @property
    def crowd(self) -> Path:
        """Twelve people, three cameras, 64 x 32 pixels."""
        return self.folder / "crowd"

    @property
    def crops(self) -> Path:
        """`0.png` to `3.png`."""
        return self.folder / "crops"

    @property
    def run(self) -> Path:
        """A run folder; not to be changed."""
        return self.folder / "run"


def lay(folder: Path) -> Desk:
    """Make what is missing of a desk."""
    desk = Desk(folder)
    draw_crowd(desk.crowd, people=12, cameras=3, height=64, width=32, processes=1, progress=False)
    desk.crops.mkdir(exist_ok=True)
    for number, image in enumerate(_noise(4)):
        image.save(desk.crops / f"{number}.png")
    flags = [*TINY, "--train.rounds", "1", "--train.iterations", "2"]
    reseen.train(reseen.load_recipe("cluster-contrast", flags), desk.crowd, desk.run, resume=True, quiet=True)
    return desk


def images() -> list[bytes]:
    """Small images of every kind and mode."""
    first, second = _noise(2)
    turned = Image.Exif()
    turned[0x0112] = 6
    deep = Image.fromarray(np.random.default_rng(0).integers(0, 2**16, (24, 12), dtype=np.uint16))
    kinds = [
        (first, "JPEG", {"quality": 90}),
        (first, "JPEG", {"progressive": True, "exif": turned}),
        (first.convert("CMYK"), "JPEG", {}),
        (first.convert("L"), "JPEG", {}),
        (first, "PNG", {}),
        (first.convert("RGBA"), "PNG", {}),
        (first.convert("P"), "PNG", {"transparency": 3}),
        (deep, "PNG", {}),
        (first, "GIF", {"save_all": True, "append_images": [second]}),
        (first, "WEBP", {}),
        (first, "WEBP", {"save_all": True, "append_images": [second], "lossless": True}),
        (first, "TIFF", {"compression": "tiff_lzw"}),
        (deep, "TIFF", {}),
        (Image.fromarray(np.asarray(first.convert("L"), dtype=np.float32)), "TIFF", {}),
        (first, "BMP", {}),
        (first, "PPM", {}),
    ]
    return [_saved(image, kind, options) for image, kind, options in kinds]


def tables() -> list[bytes]:
    """Manifests as CSV."""
    rows = "".join(
        f"crops/{n}.png,c{n % 2},{n},{n}.5,{n % 2},{s}\n"
        for n, s in enumerate(("train", "train", "query", "gallery"))
    )
    bare = "path\n" + "".join(f"crops/{n}.png\n" for n in range(4))
    dates = "path,time\n" + "".join(f"crops/{n}.png,2024-05-01T12:00:0{n}\n" for n in range(4))
    return [f"path,camera,tracklet,time,identity,split\n{rows}".encode(), bare.encode(), dates.encode()]


def vectors() -> list[bytes]:
    """Vectors as `reseen embed` writes them, with labels, a manifest, and columns that nobody wants, as Parquet."""
    paths = [f"crops/{n}.png" for n in range(4)]
    rows = np.eye(4, 8, dtype=np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), 8)
    table = pa.table({"path": paths, "camera": ["a", None, "b", "a"], "vector": column})
    labelled = pa.table(
        {"path": paths, "vector": rows.tolist(), "identity": [1, 1, 2, 2], "camera": [0, 1, 0, 1]}
    )
    manifest = pa.table({"path": paths, "split": ["train"] * 4, "time": [0.5, 1.5, None, 3.0]})
    odd = [
        pa.table({"path": [1, 2], "vector": [[0.0, 1.0], [1.0, 0.0]], "camera": [0.5, None]}),
        pa.table({"path": [None, "a"], "vector": [[0.0, 1.0], None]}),
        pa.table({"path": [["a"], ["b"]], "vector": ["a", "b"], "identity": [{"a": 1}, None]}),
        pa.table({"path": ["a", "b"], "vector": [["x"], ["y"]], "identity": [b"\xff", None]}),
        pa.table({"path": paths, "vector": rows.tolist(), "time": [True] * 4, "split": [1, 2, 3, 4]}),
        table.replace_schema_metadata({"reseen": "{"}),
        table.replace_schema_metadata({"reseen": '{"size": {"a": 1}}'}),
        table.replace_schema_metadata({"reseen": "[]"}),
    ]
    return [
        _parquet(table.replace_schema_metadata({"reseen": '{"size": [64, 32]}'}), "snappy"),
        _parquet(labelled, "zstd"),
        _parquet(manifest, "none"),
        *(_parquet(table, "snappy") for table in odd),
    ]


def arrays() -> list[bytes]:
    """Features with labels as .npz."""
    stream = io.BytesIO()
    np.savez(
        stream, features=np.eye(4, 8, dtype=np.float32), identities=[1, 1, 2, 2], cameras=["a", "b", "a", "b"]
    )
    return [stream.getvalue()]


def _noise(count: int) -> list[Image.Image]:
    generator = np.random.default_rng(0)
    return [Image.fromarray(generator.integers(0, 256, (24, 12, 3), dtype=np.uint8)) for _ in range(count)]


def _saved(image: Image.Image, kind: str, options: dict) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _parquet(table: pa.Table, compression: str) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, compression=compression)
    return stream.getvalue()

import io
import json
import tarfile

import fsspec
import numpy as np
import pytest
from PIL import Image

from reseen.data.decode import UnreadableError
from reseen.datasets import read_training
from reseen.datasets.remote_shards import locate_crops, read_location, read_remote
from reseen.errors import DataError


def shard(*names, camera="c1", split=None):
    """Bytes of a tar file of images of noise with JSON beside them."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as members:
        for place, name in enumerate(names):
            image = io.BytesIO()
            pixels = np.random.default_rng(place).integers(0, 256, (16, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(image, format="PNG")
            said = json.dumps({"camera": camera} | ({"split": split} if split else {})).encode()
            for file, inside in ((f"{name}.png", image.getvalue()), (f"{name}.json", said)):
                entry = tarfile.TarInfo(file)
                entry.size = len(inside)
                members.addfile(entry, io.BytesIO(inside))
    return content.getvalue()


@pytest.fixture
def bucket():
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pipe_file("/bucket/b.tar", shard("z", "y", camera="two"))
    system.pipe_file("/bucket/a.tar", shard("x", camera="one"))
    system.pipe_file("/bucket/other.tar", shard("q", split="query"))
    system.pipe_file("/bucket/readme.txt", b"no shard")
    return system


def test_shards_at_an_address_are_those_on_a_disk(bucket, tmp_path):
    for name in ("a", "b", "other"):
        (tmp_path / f"{name}.tar").write_bytes(bucket.cat_file(f"/bucket/{name}.tar"))
    far, near = read_remote("memory://bucket"), locate_crops(read_training(tmp_path))
    assert far.paths == ("a.tar::x.png", "b.tar::z.png", "b.tar::y.png")
    assert sorted(far.paths) == sorted(near.paths)
    cameras = dict(zip(near.paths, near.cameras, strict=True))
    assert far.cameras == tuple(cameras[path] for path in far.paths)
    bytes_near = {
        path: read_location(*where) for path, *where in zip(near.paths, near.places, near.spans, strict=True)
    }
    for path, place, span in zip(far.paths, far.places, far.spans, strict=True):
        assert place.startswith("memory://")
        assert read_location(place, span) == bytes_near[path]


def test_one_shard_and_a_fingerprint(bucket):
    assert read_remote("memory://bucket/b.tar").paths == ("b.tar::z.png", "b.tar::y.png")
    before = read_remote("memory://bucket").fingerprint
    assert read_remote("memory://bucket").fingerprint == before
    bucket.pipe_file("/bucket/a.tar", shard("x", "w"))
    assert read_remote("memory://bucket").fingerprint != before


def test_places_without_shards(bucket):
    bucket.pipe_file("/empty/readme.txt", b"")
    bucket.pipe_file("/test/only.tar", shard("q", split="query"))
    bucket.pipe_file("/broken/a.tar", b"x" * 600)
    for address, message in (
        ("memory://empty", "no shard; remote crops must be"),
        ("memory://none", "cannot be opened"),
        ("nosuch://x", "cannot be opened"),
        ("memory://test", "no image of split 'train'"),
        ("memory://broken", "cannot be read as a shard"),
    ):
        with pytest.raises(DataError, match=message):
            read_remote(address)


def test_bytes_that_cannot_be_read(bucket, tmp_path):
    with pytest.raises(UnreadableError, match="cannot be opened"):
        read_location("memory://bucket/gone.tar", (0, 5))
    with pytest.raises(UnreadableError, match="cannot be opened"):
        read_location(str(tmp_path / "gone.jpg"), None)
    bucket.pipe_file("/bucket/empty.jpg", b"")
    with pytest.raises(UnreadableError, match="empty file"):
        read_location("memory://bucket/empty.jpg", None)
    with pytest.raises(UnreadableError, match="more than 256 MB"):
        read_location("memory://bucket/a.tar", (0, 10**9))

"""Headers of tar archives that say what is not there."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from reseen.datasets import read_training
from reseen.errors import DataError


def picture():
    stream = io.BytesIO()
    Image.fromarray(np.zeros((8, 4, 3), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def shard(file, said=b"{}", **headers):
    """A shard of two images, the second of which has other extended headers."""
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as made:
        for name, content, more in (
            ("a.png", picture(), {}), ("a.json", said, {}), ("b.png", picture(), headers), ("c.png", picture(), {}),
        ):  # fmt: skip
            member = tarfile.TarInfo(name)
            member.size, member.pax_headers = len(content), more
            made.addfile(member, io.BytesIO(content))
    return file


def test_a_shard_is_read(tmp_path):
    assert len(read_training(shard(tmp_path / "a.tar"))) == 3


@pytest.mark.parametrize(
    "headers",
    [
        {"size": "-2048"}, {"size": "-512"}, {"size": "1000000000000"}, {"size": "9" * 4000}, {"size": "x"},
        {"path": "a" * 20_000}, {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "-1"},
        {"GNU.sparse.map": "0,-1", "GNU.sparse.size": "-1"}, {"GNU.sparse.map": "9" * 4000},
    ],
)  # fmt: skip
def test_sizes_that_are_negative_huge_or_sparse_end_in_an_error_or_are_passed_over(headers, tmp_path):
    file = shard(tmp_path / "a.tar", **headers)
    try:
        table = read_training(file)
    except DataError:
        return
    size = file.stat().st_size
    assert all(0 <= begin <= begin + length <= size for begin, length in table.spans.tolist())


@pytest.mark.parametrize("said", [b"[" * 200_000, b"9" * 4000, rb'{"camera": "\ud800"}', b"[]", b"\xff"])
def test_json_beside_an_image_that_is_none_is_an_error(said, tmp_path):
    with pytest.raises(DataError, match=r"a\.json is no"):
        read_training(shard(tmp_path / "a.tar", said))

import io
import struct
import zipfile

import numpy as np
import pytest

from reseen.reading import memory_check, read_archive, read_array


def header(shape, kind="'<f4'"):
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def archive(file, **parts):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(f"{name}.npy", content)
    return file


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (header("(1000000000000, 8)"), "but the file has"),
        (header("(-1, 8)"), "shape"),
        (header("(4,)", "'|O'"), "pickled objects"),
        (header("(4,)", "'<U1000000000'"), None),
        (header("(" * 300 + ")" * 300), None),
        (b"\x93NUMPY\x09\x09", None),
        (b"", None),
        (b"PK", None),
    ],
)
def test_a_header_that_says_what_is_not_there_is_refused_in_a_line(content, said, tmp_path):
    (tmp_path / "a.npy").write_bytes(content + bytes(128))
    for mode in (None, "r"):
        with pytest.raises(ValueError, match=said):
            read_array(tmp_path / "a.npy", mode)
    archive(tmp_path / "a.npz", features=content)
    with pytest.raises(ValueError, match=said) as raised:
        read_archive(tmp_path / "a.npz")
    assert "\n" not in str(raised.value)


def test_six_gigabytes_in_six_megabytes_are_refused_before_they_are_unpacked(tmp_path, monkeypatch):
    stream = io.BytesIO()
    np.save(stream, np.zeros((1_000_000,), np.float64))
    file = archive(tmp_path / "a.npz", features=stream.getvalue())
    assert file.stat().st_size < 20_000
    monkeypatch.setattr(memory_check, "free_bytes", lambda: 20_000_000)
    with pytest.raises(ValueError, match=r"needs 0\.0 GB of memory, and 0\.0 GB are free"):
        read_archive(file)
    assert read_archive(file, ["others"]) == {}
    monkeypatch.setattr(memory_check, "free_bytes", lambda: None)
    assert read_archive(file)["features"].shape == (1_000_000,)


def test_arrays_are_read_and_mapped(tmp_path):
    values = np.arange(12.0).reshape(3, 4)
    np.save(tmp_path / "a.npy", values)
    np.save(tmp_path / "b.npy", values[:0])
    assert np.array_equal(read_array(tmp_path / "a.npy"), values)
    assert isinstance(read_array(tmp_path / "a.npy", "r"), np.memmap)
    assert read_array(tmp_path / "b.npy", "r").shape == (0, 4)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_that_is_there_twice_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    with zipfile.ZipFile(tmp_path / "twice.npz", "w") as made:
        for _ in range(2):
            made.writestr("a.npy", (tmp_path / "a.npy").read_bytes())
    with pytest.raises(ValueError, match="occurs twice"):
        read_archive(tmp_path / "twice.npz")

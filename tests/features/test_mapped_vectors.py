import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reseen.errors import ClusteringError, DataError
from reseen.features import mapped_vectors as module
from reseen.features.mapped_vectors import map_vectors, open_vector_file
from reseen.neighbors.out_of_core import Scratch


@pytest.fixture
def rows():
    rows = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(module, "_BATCH", 3)


def parquet(file, rows, first=0, camera=True):
    columns = {"path": [f"{first + row}.jpg" for row in range(len(rows))], "vector": rows.tolist()}
    if camera:
        columns["camera"] = [None if row % 2 else "c1" for row in range(len(rows))]
    pq.write_table(pa.table(columns), file)
    return file


def test_unit_float32_rows_are_mapped_where_they_are(rows, tmp_path):
    np.save(tmp_path / "v.npy", rows)
    found = open_vector_file(tmp_path / "v.npy")
    assert (found.rows, found.dimension, found.first_column) == (10, 4, "row")
    done = []
    features = map_vectors(found, Scratch(tmp_path / "work"), done.append)
    np.testing.assert_array_equal(features.numpy, rows)
    assert sum(done) == 10
    assert not any((tmp_path / "work").iterdir())
    assert [name for names, _ in found.names() for name in names] == [str(row) for row in range(10)]


@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_other_rows_are_brought_to_length_one_in_a_copy(rows, tmp_path, kind):
    np.save(tmp_path / "v.npy", (3 * rows).astype(kind))
    found, scratch = open_vector_file(tmp_path / "v.npy"), Scratch(tmp_path / "work")
    np.testing.assert_allclose(map_vectors(found, scratch).numpy, rows, atol=2e-3)
    scratch.open("vectors")[0] = [1, 0, 0, 0]
    assert map_vectors(found, scratch).numpy[0].tolist() == [1, 0, 0, 0]  # the copy is taken up
    np.save(tmp_path / "v.npy", (3 * rows[:9]).astype(kind))
    assert len(map_vectors(open_vector_file(tmp_path / "v.npy"), scratch)) == 9  # of another file it is not


def test_a_parquet_file_and_a_folder_of_partitions(rows, tmp_path):
    parquet(tmp_path / "whole.parquet", rows)
    (tmp_path / "parts").mkdir()
    parquet(tmp_path / "parts" / "b.parquet", rows[6:], 6)
    parquet(tmp_path / "parts" / "a.parquet", rows[:6], camera=False)
    whole, parts = open_vector_file(tmp_path / "whole.parquet"), open_vector_file(tmp_path / "parts")
    for found, folder in ((whole, "one"), (parts, "two")):
        assert (found.rows, found.dimension, found.first_column) == (10, 4, "path")
        np.testing.assert_array_equal(map_vectors(found, Scratch(tmp_path / folder)).numpy, rows)
        assert [name for names, _ in found.names() for name in names] == [f"{row}.jpg" for row in range(10)]
    assert [camera for _, cameras in parts.names() for camera in cameras] == [None] * 6 + ["c1", None] * 2


@pytest.mark.parametrize("bad", [[0.0] * 4, [np.nan] * 4])
def test_vectors_without_a_direction(rows, tmp_path, bad):
    rows[7] = bad
    np.save(tmp_path / "v.npy", rows)
    with pytest.raises(ClusteringError, match="zero or not finite, the first is row 7; remove"):
        map_vectors(open_vector_file(tmp_path / "v.npy"), Scratch(tmp_path / "work"))


def test_places_that_hold_no_vectors(rows, tmp_path):
    def message(name):
        with pytest.raises(DataError) as caught:
            open_vector_file(tmp_path / name)
        return str(caught.value)

    assert "does not exist" in message("none.npy")
    np.savez(tmp_path / "v.npz", rows)
    assert "cannot be memory-mapped; write the features with numpy.save" in message("v.npz")
    np.save(tmp_path / "one.npy", rows[0])
    assert "expected a matrix of floats" in message("one.npy")
    np.save(tmp_path / "ints.npy", np.ones((3, 3), int))
    assert "expected a matrix of floats" in message("ints.npy")
    (tmp_path / "broken.npy").write_bytes(b"x")
    assert "cannot be read as an array" in message("broken.npy")
    (tmp_path / "text.parquet").write_text("x")
    assert "neither .npy nor a Parquet file" in message("text.parquet")
    pq.write_table(pa.table({"path": ["a"]}), tmp_path / "names.parquet")
    assert "lacks the column vector" in message("names.parquet")
    (tmp_path / "empty").mkdir()
    assert "holds no Parquet partition" in message("empty")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").write_text("")
    assert "is a run folder, not vectors; add --data" in message("run")


def test_partitions_of_two_models(rows, tmp_path):
    (tmp_path / "parts").mkdir()
    parquet(tmp_path / "parts" / "a.parquet", rows)
    parquet(tmp_path / "parts" / "b.parquet", rows[:, :2], 10)
    with pytest.raises(DataError, match=r"vectors have 2 dimensions, those in .* have 4"):
        map_vectors(open_vector_file(tmp_path / "parts"), Scratch(tmp_path / "work"))

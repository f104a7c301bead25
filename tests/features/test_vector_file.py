import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import reseen
from reseen.errors import ClusteringError, DataError
from reseen.features.mapped_vectors import open_vector_file
from reseen.features.vector_file import match_table, read_vectors
from reseen.records import UNKNOWN_CAMERA


def write(file, /, **columns):
    pq.write_table(pa.table(columns), file)
    return file


def test_rows_keep_their_order_and_cameras(make_images, tmp_path):
    root = make_images("b.png", "a.png", "c.png", "d.png")
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([0, 1, 1, 0, 0.6, 0.8], pa.float32()), 2)
    table = pa.table({"path": ["c.png", "a.png", "b.png"], "camera": ["two", None, "one"], "vector": vectors})
    table = table.replace_schema_metadata({"reseen": json.dumps({"size": [96, 48]})})
    pq.write_table(table, tmp_path / "v.parquet")
    found = read_vectors(tmp_path / "v.parquet")
    assert found.features.numpy == pytest.approx(np.array([[0, 1], [1, 0], [0.6, 0.8]]))
    assert found.size == (96, 48)
    images, note = match_table(found, root)
    assert images.paths == ("c.png", "a.png", "b.png")
    assert images.path(0).is_file()
    assert images.camera_names == ("one", "two")
    assert images.cameras.tolist() == [1, UNKNOWN_CAMERA, 0]
    assert note.endswith("without a vector: 1 crops") or note.endswith("without a vector: 1 crop")


def test_cameras_are_named_by_the_rule_of_all_readers(tmp_path):
    columns = {"path": list("abcd"), "vector": [[1.0, 0.0]] * 4}
    for cameras in ([1.0, None, float("nan"), 1.0], ["1", "-1", "nan", "c01"]):
        found = read_vectors(write(tmp_path / "v.parquet", **columns, camera=cameras))
        assert found.cameras == ("c1", None, None, "c1")


def test_vectors_from_elsewhere_are_brought_to_length_one(tmp_path):
    file = write(tmp_path / "v.parquet", path=["a.png", "b.png"], vector=[[3.0, 4.0], [0.0, 2.0]])
    found = read_vectors(file)
    assert found.features.numpy == pytest.approx(np.array([[0.6, 0.8], [0, 1]]))
    assert found.cameras == (None, None)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"vector": [[1.0]]}, "lacks the column path"),
        ({"path": ["a"]}, "lacks the column vector"),
        (
            {"path": pa.array([], pa.string()), "vector": pa.array([], pa.list_(pa.float32()))},
            "holds no vector",
        ),
        ({"path": ["a", "b", "a"], "vector": [[1.0]] * 3}, "holds a twice"),
        ({"path": ["a", "b"], "vector": [[1.0, 0.0], [1.0]]}, "the same number of values in every row"),
        ({"path": ["a", "b"], "vector": [[1.0], None]}, "the same number of values in every row"),
        ({"path": ["a"], "vector": [1.0]}, "the same number of values in every row"),
        ({"path": ["a"], "vector": [["x"]]}, "must hold numbers"),
    ],
)
def test_files_that_hold_no_vectors(tmp_path, columns, message):
    with pytest.raises(DataError) as caught:
        read_vectors(write(tmp_path / "v.parquet", **columns))
    assert message in str(caught.value)
    assert str(tmp_path / "v.parquet") in str(caught.value)


def test_no_parquet_file(tmp_path):
    (tmp_path / "v.parquet").write_text("path,vector\n")
    with pytest.raises(DataError, match="not a Parquet file of `reseen embed`"):
        read_vectors(tmp_path / "v.parquet")


def test_files_of_a_folder_are_computed_in_one_way(tmp_path):
    def part(name, **facts):
        table = pa.table({"path": [name], "vector": [[1.0, 0.0]]})
        pq.write_table(
            table.replace_schema_metadata({"reseen": json.dumps(facts)}), tmp_path / f"{name}.parquet"
        )

    part("a", engine="PyTorch 2.9.0", precision="float32")
    part("b")  # of an earlier version
    assert read_vectors(tmp_path).paths == ("a", "b")
    assert open_vector_file(tmp_path).rows == 2
    for facts, said in (
        (
            {"engine": "onnxruntime 1.31.0", "precision": "int8", "exported": "small.onnx"},
            "int8 by small\\.onnx",
        ),
        (
            {"views": "mean of a crop and its mirror image"},
            "float32 by PyTorch, mean of a crop and its mirror",
        ),
        ({"camera_centering": "mean of the camera"}, "float32 by PyTorch, mean of the camera"),
    ):
        part("c", **facts)
        for read in (read_vectors, open_vector_file):
            with pytest.raises(DataError, match=rf"several ways \(float32 by PyTorch; {said}"):
                read(tmp_path)


@pytest.mark.parametrize("row", [[0.0, 0.0], [float("nan"), 1.0]])
def test_vectors_without_a_direction(tmp_path, row):
    file = write(tmp_path / "v.parquet", path=["a", "b"], vector=[[1.0, 0.0], row])
    with pytest.raises(ClusteringError, match="1 vectors are zero or not finite, the first is that of b"):
        read_vectors(file)


def test_crops_of_another_folder(make_images, tmp_path):
    root = make_images("a.png")
    found = read_vectors(write(tmp_path / "v.parquet", path=["a.png", "z.png"], vector=[[1.0], [1.0]]))
    with pytest.raises(DataError, match=r"1 of 2 crops are not in .*, the first is z\.png; give the folder"):
        match_table(found, root)
    assert len(match_table(found, reseen.read_training(make_images("a.png", "z.png")))[0]) == 2

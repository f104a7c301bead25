import json

import fsspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from reseen.errors import DataError, StorageError
from reseen.features.partitions import (
    MANIFEST,
    PartitionFolder,
    is_partitioned,
    partition_files,
    partition_name,
    vector_table,
)
from reseen.features.vector_file import read_vectors

ROWS = np.eye(4, dtype=np.float32)


@pytest.fixture(params=["path", "file", "memory"])
def place(request, tmp_path):
    """A folder by its path and by its address, and one that is on no disk."""
    if request.param == "memory":
        fsspec.filesystem("memory").store.clear()
        return "memory://bucket/vectors"
    return str(tmp_path / "v") if request.param == "path" else f"file://{tmp_path}/v"


def table(*rows):
    return vector_table(
        [f"{row}.jpg" for row in rows], [None] * len(rows), ROWS[list(rows)], {"size": [8, 4]}
    )


def test_partitions_are_written_and_found_again(place):
    folder = PartitionFolder(place)
    assert folder.names() == set()
    assert folder.manifest() == {}
    folder.make()
    folder.write(partition_name(0, 2), table(0, 1))
    folder.write(partition_name(0, 2), table(0, 1))  # a second time it is still one
    folder.write_manifest({"key": "a"})
    again = PartitionFolder(place)
    assert again.names() == {"rows-000000000000-000000000002.parquet", MANIFEST}
    assert again.manifest() == {"key": "a"}
    assert again.describe(partition_name(0, 2)) == (2, {"size": [8, 4]})


def test_a_folder_of_partitions_reads_as_one_file(tmp_path):
    folder = PartitionFolder(str(tmp_path / "v"))
    folder.make()
    folder.write(partition_name(2, 4), table(2, 3))
    folder.write(partition_name(0, 2), table(0, 1))
    folder.write_manifest({"done": True})
    assert is_partitioned(tmp_path / "v")
    found = read_vectors(tmp_path / "v")
    assert found.paths == ("0.jpg", "1.jpg", "2.jpg", "3.jpg")
    np.testing.assert_array_equal(found.features.numpy, ROWS)
    assert found.size == (8, 4)


def test_unfinished_partitions_are_refused(tmp_path):
    folder = PartitionFolder(str(tmp_path / "v"))
    folder.make()
    folder.write(partition_name(0, 2), table(0, 1))
    folder.write_manifest({"done": False, "partitions": 2})
    with pytest.raises(DataError, match="only 1 of 2 partitions are there; rerun the same `reseen embed`"):
        partition_files(tmp_path / "v")


def test_what_is_being_written_is_not_there_yet(tmp_path):
    folder = PartitionFolder(str(tmp_path / "v"))
    folder.make()
    pq.write_table(table(0), tmp_path / "v" / ".rows.parquet.1.part")
    pq.write_table(table(0), tmp_path / "v" / ".hidden.parquet")
    assert folder.names() == set()
    with pytest.raises(DataError, match="holds no Parquet partition"):
        partition_files(tmp_path / "v")


def test_places_that_cannot_be(tmp_path):
    with pytest.raises(StorageError, match="nosuch://x: cannot be opened"):
        PartitionFolder("nosuch://x")
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / MANIFEST).write_text("{")
    with pytest.raises(DataError, match="damaged"):
        PartitionFolder(str(tmp_path / "v")).manifest()
    (tmp_path / "file").write_text(json.dumps({}))
    with pytest.raises(StorageError, match="cannot be written"):
        PartitionFolder(str(tmp_path / "file" / "v")).make()

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reseen.reading import iterate_table, memory_check, parquet_rows, parquet_schema, read_table


def alike(rows, text):
    """A column that repeats one text: hardly a byte for a row."""
    return pa.table({"path": pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), [text])})


def test_a_table_is_as_arrow_reads_it(tmp_path):
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(40, dtype=np.float32)), 4)
    table = pa.table(
        {"path": [f"{row}.jpg" for row in range(10)], "camera": ["a", None] * 5, "vector": vectors}
    )
    table = table.replace_schema_metadata({"reseen": "{}"})
    pq.write_table(table, tmp_path / "a.parquet")
    read = read_table(tmp_path / "a.parquet")
    assert read.equals(table)
    assert read.schema.metadata == table.schema.metadata
    assert read_table(tmp_path / "a.parquet", ["camera", "other"]).column_names == ["camera"]
    assert [len(part) for part in iterate_table(tmp_path / "a.parquet", ["vector"], 4)] == [4, 4, 2]
    assert parquet_rows(tmp_path / "a.parquet") == 10
    assert parquet_schema(tmp_path / "a.parquet").names == ["path", "camera", "vector"]


def test_a_hundred_million_rows_in_some_kilobytes_are_refused_by_the_footer(tmp_path):
    file = tmp_path / "a.parquet"
    pq.write_table(alike(5_000_000, "x"), file)
    assert file.stat().st_size < 20_000
    for read in (read_table, parquet_rows, lambda file: list(iterate_table(file, ["path"], 10))):
        with pytest.raises(ValueError, match=r"declares 5,000,000 rows in .* bytes"):
            read(file)


def test_one_long_text_for_many_rows_is_not_copied_out(tmp_path, monkeypatch):
    file = tmp_path / "a.parquet"
    pq.write_table(alike(20_000, "x" * 1_000_000), file, compression="zstd")
    monkeypatch.setattr(memory_check, "free_bytes", lambda: 1_000_000_000)
    with pytest.raises(
        ValueError, match=r"the text of column 'path' needs 40\.0 GB of memory, and 1\.0 GB are free"
    ):
        read_table(file)


def test_rows_that_do_not_fit_are_refused_before_they_are_read(tmp_path, monkeypatch):
    pq.write_table(pa.table({"path": [f"{row}" for row in range(10_000)]}), tmp_path / "a.parquet")
    monkeypatch.setattr(memory_check, "free_bytes", lambda: 100_000)
    with pytest.raises(ValueError, match="reading 10,000 rows needs"):
        read_table(tmp_path / "a.parquet")


def test_damage_is_one_line(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + bytes(99) + b"PAR1")
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], ["path", "path"])
    pq.write_table(twice, tmp_path / "twice.parquet")
    for name, said in (("a.parquet", None), ("twice.parquet", "duplicate columns")):
        with pytest.raises((ValueError, OSError), match=said) as raised:
            read_table(tmp_path / name)
        assert "\n" not in str(raised.value)

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseen.video.record import CropRow, SourceFacts, read_record, read_records, record_path, write_record

FACTS = SourceFacts(
    "monday", "hall", "/videos/monday.mp4", "f", True, 1.5, 75, 3.0, 9, 1, 3, 0, 0, ("a note",)
)
ROWS = tuple(CropRow(f"hall/{n}.jpg", 1, n / 25, n, 10.0, 20.0, 40.0, 100.0, 0.9, 3.0) for n in range(3))


@pytest.fixture
def file(tmp_path):
    write_record(tmp_path, FACTS, ROWS)
    return record_path(tmp_path, FACTS.camera, FACTS.name)


def test_a_record_is_read_as_written(file):
    record = read_record(file)
    assert (record.facts, record.rows) == (FACTS, ROWS)


def test_no_record_is_none(tmp_path):
    assert read_record(tmp_path / "sources" / "hall--monday.parquet") is None


@pytest.mark.parametrize(
    "row",
    [
        replace(ROWS[0], time=float("nan")),
        replace(ROWS[0], score=float("inf")),
        replace(ROWS[0], path="../hall/0.jpg"),
        replace(ROWS[0], path="/etc/passwd"),
    ],
)
def test_a_row_that_cannot_be_is_damage(tmp_path, row):
    write_record(tmp_path, FACTS, [row, *ROWS[1:]])
    assert read_records(tmp_path) == []


@pytest.mark.parametrize(
    "facts",
    [
        replace(FACTS, seconds=float("inf")),
        replace(FACTS, start=float("nan")),
        replace(FACTS, notes=("\ud800",)),
    ],
)
def test_facts_that_cannot_be_are_damage(tmp_path, facts):
    write_record(tmp_path, facts, ROWS)
    assert read_records(tmp_path) == []


def test_a_record_of_another_source_is_damage(file):
    file.rename(file.with_name("hall--tuesday.parquet"))
    assert read_records(file.parents[1]) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop_columns(["frame"]),
        lambda table: table.append_column("more", pa.array([1] * len(table))),
        lambda table: table.set_column(3, "frame", pa.array(["a"] * len(table))),
        lambda table: table.set_column(3, pa.field("frame", pa.int64()), pa.array([1, None, 2], pa.int64())),
        lambda table: table.replace_schema_metadata({}),
    ],
)
def test_other_columns_are_damage(file, change):
    pq.write_table(change(pq.read_table(file)), file)
    assert read_record(file) is None


@given(place=st.floats(0, 0.999), byte=st.integers(0, 255))
def test_any_byte_may_be_another(tmp_path_factory, place, byte):
    folder = tmp_path_factory.mktemp("record")
    write_record(folder, FACTS, ROWS)
    file = record_path(folder, FACTS.camera, FACTS.name)
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] = byte
    file.write_bytes(content)
    record = read_record(file)
    assert record is None or len(record.rows) == len(ROWS)

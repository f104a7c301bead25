"""People as files, and in a terminal: every crop once, names that do no harm, and pages that forgetting knows of."""

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from rich.console import Console

from reseen.errors import SettingsError, StorageError
from reseen.gallery.copies import recorded_copies
from reseen.gallery.entries import Entries
from reseen.gallery.people.export import SHOWN, describe_person, write_people
from reseen.gallery.people.tables import people_table, question_table, sighting_table


@pytest.fixture
def address(tmp_path):
    return str(tmp_path / "gallery")


@pytest.fixture
def people(three):
    people = three.people()
    people.rename(1, "=Anna")
    people.confirm(people.get(1).keys[:2])
    return people


def test_csv_and_parquet_have_a_row_for_every_crop(three, people, tmp_path, address):
    rows = list(csv.DictReader(write_people(tmp_path / "p.csv", people.all(), three.store, address).open()))
    table = pq.read_table(
        write_people(tmp_path / "p.parquet", people.all(), three.store, address)
    ).to_pylist()
    assert len(rows) == len(table) == 24
    assert rows[0]["name"] == "'=Anna", "a spreadsheet does not run it"
    assert table[0]["name"] == "=Anna"
    assert [int(row["person"]) for row in rows] == [row["person"] for row in table]
    assert {row["key"] for row in table} == set(people.state.decisions)
    decided = [row["decided_by"] for row in table if row["person"] == 1]
    assert decided.count("person") == 2
    assert all((row["score"] is None) == (row["decided_by"] == "person") for row in table)
    assert (table[0]["camera"], table[0]["time"], table[0]["tracklet"], table[0]["cluster"]) == (
        "c0",
        0.0,
        0,
        0,
    )


def test_json_has_people_with_their_crops(three, people, tmp_path, address):
    found = json.loads(write_people(tmp_path / "p.json", people.all(), three.store, address).read_text())[
        "people"
    ]
    assert [one["name"] for one in found] == ["=Anna", None, None]
    assert found[0]["confirmed"] == 2
    assert found[0]["cameras"] == [{"camera": "c0", "crops": 8}]
    assert [crop["image"] for crop in found[1]["crops"]] == [f"1/{number:04d}.jpg" for number in range(8)]


def test_the_page_shows_some_of_each_and_is_recorded(three, people, tmp_path, address):
    file = tmp_path / "picture.jpg"
    Image.fromarray(np.full((32, 16, 3), 90, np.uint8)).save(file)
    part = next(iter(three.store.scan()))
    pictured = [type(e)(e.source, e.image, file.read_bytes(), e.camera, e.time, e.tracklet, e.cluster)
                for e in part.entries]  # fmt: skip
    three.store.add(Entries(pictured, part.vectors))
    three.add(0, 20, start=100, cluster=0)
    people.reload()
    people.update()
    page = write_people(tmp_path / "p.html", people.all(), three.store, address)
    text = page.read_text()
    assert text.count("<p><b>") == SHOWN + 8 + 8
    assert "=Anna (1)" in text
    assert "28 crops in 7 sightings, c0" in text
    (copy,) = [copy for copy in recorded_copies(address) if copy.path == str(page)]
    assert set(copy.keys) == set(people.state.decisions)


def test_other_files_and_places_are_refused(three, people, tmp_path, address):
    with pytest.raises(SettingsError, match=r"\.csv, \.parquet, \.json or \.html"):
        write_people(tmp_path / "p.xlsx", people.all(), three.store, address)
    with pytest.raises(StorageError, match="a folder"):
        write_people(tmp_path, people.all(), three.store, address)


def printed(table):
    console = Console(width=200, record=True, file=(tmp := __import__("io").StringIO()))
    console.print(table)
    return tmp.getvalue()


def test_tables_say_who_where_when_and_how_many_more(three, people):
    text = printed(people_table(people.all()[:2], 3))
    assert "=Anna" in text
    assert "and 1 more" in text
    text = printed(sighting_table(people.get(1)))
    assert "person, cluster" in text
    assert "0/0000.jpg" in text
    three.add(0, 4, start=100)
    people.reload()
    people.update()
    text = printed(question_table(people, people.questions(), 1))
    assert "=Anna 0." in text
    assert "0/0100.jpg" in text


def test_a_sentence_tells_who_decided(people):
    assert (
        describe_person(people.get(1)) == "8 crops in 2 sightings, c0, 0.0 s to 7.0 s, 2 decided by a person"
    )
    assert describe_person(people.get(2)).endswith("decided by the machine")

"""The people of a gallery as a file: CSV and Parquet with one row per crop, JSON, or an HTML page of thumbnails."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reseen.errors import SettingsError
from reseen.files import check_output, write_atomically, write_text
from reseen.gallery.contact_sheet import decode_thumbnail, describe_entry
from reseen.gallery.copies import record_page
from reseen.gallery.filter import Filter, format_timestamp
from reseen.gallery.people.lookup import PeopleLookup, PersonQuestion
from reseen.gallery.people.members import Member, Person
from reseen.gallery.store import Store
from reseen.pages.search_page import FoundCrop, Search, SearchContent, write_search_page
from reseen.text import spreadsheet_cell

SHOWN = 12
"""Crops of a person on the page, at most; evenly spaced over time."""

_COLUMNS: dict[str, Callable[[Person, Member], Any]] = {
    "person": lambda person, _: person.id,
    "name": lambda person, _: person.name,
    "source": lambda _, member: member.entry.source,
    "image": lambda _, member: member.entry.image,
    "camera": lambda _, member: member.entry.camera,
    "time": lambda _, member: member.entry.time,
    "tracklet": lambda _, member: member.entry.tracklet,
    "cluster": lambda _, member: member.entry.cluster,
    "decided_by": lambda _, member: member.by,
    "score": lambda _, member: member.score,
    "key": lambda _, member: member.key,
}

_SCHEMA = pa.schema(
    [
        ("person", pa.int64()), ("name", pa.string()), ("source", pa.string()), ("image", pa.string()),
        ("camera", pa.string()), ("time", pa.float64()), ("tracklet", pa.int64()), ("cluster", pa.int64()),
        ("decided_by", pa.string()), ("score", pa.float64()), ("key", pa.string()),
    ]
)  # fmt: skip


def write_people(file: str | Path, people: Sequence[Person], store: Store, address: str) -> Path:
    """Write people to a file of the kind that its suffix names, and record which crops it names.

    | suffix | content |
    |---|---|
    | `.csv`, `.parquet` | one row per crop |
    | `.json` | one object per person with its crops |
    | `.html` | a page with up to 12 thumbnails of each person |

    The columns of a row are person, name, source, image, camera, time, tracklet, cluster, decided_by, score and key.

    Args:
        file: the file; an existing one is replaced.
        people: whom to write.
        store: the store of the gallery, for the thumbnails.
        address: address of the gallery.

    Returns:
        The file, with `~` expanded.

    Raises:
        SettingsError: the suffix is another one.
        StorageError: the file cannot be written.

    Example:
        >>> write_people("people.csv", gallery.people.all(), gallery.store, gallery.address)
    """
    path = Path(file).expanduser()
    suffix = path.suffix.lower()
    check_output(path)
    if suffix == ".csv":
        write_text(path, _csv(people))
    elif suffix == ".parquet":
        write_atomically(path, lambda temporary: pq.write_table(_table(people), temporary))
    elif suffix == ".json":
        content = {"format": "reseen-people-1", "people": [person_to_json(person) for person in people]}
        write_text(path, json.dumps(content | {"gallery": address}, indent=1) + "\n")
    elif suffix in (".html", ".htm"):
        write_search_page(path, _page(people, store, address))
    else:
        raise SettingsError(f"{path}: give a file that ends in .csv, .parquet, .json or .html")
    record_page(address, path, (key for person in people for key in person.keys))
    return path


def person_to_json(person: Person) -> dict[str, Any]:
    """JSON-serializable values of a person and all crops."""
    own = ("person", "name")
    crops = [
        {name: read(person, member) for name, read in _COLUMNS.items() if name not in own}
        for member in person.members
    ]
    return person_facts(person) | {"crops": crops}


def person_facts(person: Person) -> dict[str, Any]:
    """JSON-serializable values of a person, without the crops."""
    return {
        "person": person.id, "name": person.name, "size": person.size, "tracklets": len(person.sightings),
        "confirmed": person.confirmed, "first": person.first, "last": person.last,
        "cameras": [{"camera": camera, "crops": count} for camera, count in person.cameras.items()],
    }  # fmt: skip


def describe_person(person: Person) -> str:
    """A sentence on crops, tracklets, cameras, and first and last time."""
    crops = f"{person.size:,} {'crop' if person.size == 1 else 'crops'}"
    tracklets = f"{len(person.sightings):,} {'sighting' if len(person.sightings) == 1 else 'sightings'}"
    cameras = ", ".join("unknown camera" if name is None else name for name in person.cameras)
    window = " to ".join(dict.fromkeys(filter(None, map(format_timestamp, (person.first, person.last)))))
    decided = f"{person.confirmed:,} decided by a person" if person.confirmed else "decided by the machine"
    return ", ".join(filter(None, (f"{crops} in {tracklets}", cameras, window, decided)))


def _csv(people: Sequence[Person]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for person in people:
        for member in person.members:
            values = (read(person, member) for read in _COLUMNS.values())
            writer.writerow(
                [spreadsheet_cell(value) if isinstance(value, str) else value for value in values]
            )
    return text.getvalue()


def _table(people: Sequence[Person]) -> pa.Table:
    pairs = [(person, member) for person in people for member in person.members]
    return pa.table(
        {name: [read(*pair) for pair in pairs] for name, read in _COLUMNS.items()}, schema=_SCHEMA
    )


def _page(people: Sequence[Person], store: Store, address: str) -> SearchContent:
    shown = {person.id: _spaced(person.members) for person in people}
    keys = tuple(member.key for members in shown.values() for member in members)
    thumbnails: dict[str, bytes] = {}
    for part in store.scan(Filter(keys=keys)):
        thumbnails |= {entry.key: entry.thumbnail for entry in part.entries}
    sections = [
        Search(
            person.title,
            (),
            [_found(member, thumbnails) for member in shown[person.id]],
            heading=f"{person.title} ({person.id})" if person.name else person.title,
            note=f"{describe_person(person)}.",
        )
        for person in people
    ]
    count = sum(person.size for person in people)
    note = f"{len(people):,} people with {count:,} crops; up to {SHOWN} of each are shown, by time."
    return SearchContent("People", note, sections, {"gallery": address})


def _found(member: Member, thumbnails: Mapping[str, bytes]) -> FoundCrop:
    headline = "by a person" if member.by == "person" else f"by {member.by}"
    score = "" if member.score is None else f" {member.score:.2f}"
    image = decode_thumbnail(thumbnails.get(member.key, b""))
    return FoundCrop(image, f"{headline}{score}", describe_entry(member.entry), member.by == "person")


def _spaced(members: Sequence[Member]) -> list[Member]:
    count = min(SHOWN, len(members))
    return [members[place] for place in np.linspace(0, len(members) - 1, count).astype(int).tolist()]


def question_to_json(people: PeopleLookup, question: PersonQuestion) -> dict[str, Any]:
    """JSON-serializable values of an open question."""
    entries = [people.collection.entries[people.collection.rows[key]] for key in question.keys]
    return {
        "keys": list(question.keys),
        "images": [entry.image for entry in entries],
        "source": entries[0].source,
        "camera": entries[0].camera,
        "tracklet": entries[0].tracklet,
        "candidates": [
            {"person": one.person, "name": people.state.name(one.person), "similarity": one.similarity}
            for one in question.candidates
        ],
    }

"""`reseen people list`, `show`, `questions` and `export`: the people of a gallery."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from reseen.gallery.gallery import Gallery
    from reseen.gallery.people.differences import Difference

_SHOWN = 30
"""Crops or questions in a table, at most."""


def list_people(
    gallery: str,
    *,
    top: int = 50,
    named: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """List the people of a gallery, those with a name first, then by number of crops.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    top
        Number of people to show.
    named
        Only people with a name.
    as_json
        Print JSON of all of them: number, name, crops, sightings, cameras, first and last time.
    """
    from rich.console import Console

    from reseen.gallery.people.export import person_facts
    from reseen.gallery.people.tables import people_table

    with open_people(gallery) as opened:
        people = sorted(opened.people.all(), key=lambda one: (one.name is None, -one.size, one.id))
        people = [one for one in people if one.name or not named]
        if as_json:
            print(json.dumps([person_facts(one) for one in people], indent=1))
            return
        if not people:
            print(f"No people yet; `reseen people update {gallery}` makes them of the clusters")
            return
        Console(highlight=False).print(people_table(people[:top], len(people)))
        if waiting := len(opened.people.questions()):
            print(f"Open questions: {waiting:,}; `reseen people questions {gallery}` lists them")


def show(
    gallery: str, person: str, *, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False
) -> None:
    """Show a person: sightings by time, and who decided on each.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    person
        Number or name.
    as_json
        Print JSON with every crop.
    """
    from rich.console import Console

    from reseen.gallery.people.export import describe_person, person_to_json
    from reseen.gallery.people.tables import sighting_table
    from reseen.text import printable

    with open_people(gallery) as opened:
        found = opened.people.find(person)
        if as_json:
            print(json.dumps(person_to_json(found), indent=1))
            return
        print(f"{printable(found.title)}, number {found.id}: {printable(describe_person(found))}")
        Console(highlight=False).print(sighting_table(found))


def questions(
    gallery: str, *, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False
) -> None:
    """List crops of which a person is to say whom they show, with the most similar people.

    Answer in `reseen view`, or by `reseen people move`, `split` (somebody new) and `reject`.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    as_json
        Print JSON of all of them.
    """
    from rich.console import Console

    from reseen.gallery.people.export import question_to_json
    from reseen.gallery.people.tables import question_table

    with open_people(gallery) as opened:
        asked = opened.people.questions()
        if as_json:
            print(json.dumps([question_to_json(opened.people, one) for one in asked], indent=1))
            return
        if not asked:
            print("No question waits")
            return
        Console(highlight=False).print(question_table(opened.people, asked[:_SHOWN], len(asked)))


def export(
    gallery: str,
    out: Path,
    *,
    person: Annotated[list[str] | None, Parameter(negative=())] = None,
    named: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Write people to a file: .csv or .parquet (one row per crop), .json, or .html (a page of thumbnails).

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    out
        The file to write; its suffix says which kind.
    person
        Only this person, by number or name. Repeatable.
    named
        Only people with a name.
    """
    from reseen.gallery.people.export import write_people

    with open_people(gallery) as opened:
        people = [opened.people.find(name) for name in person] if person else opened.people.all()
        people = [one for one in people if one.name or not named]
        written = write_people(out, people, opened.store, opened.address)
    crops = sum(one.size for one in people)
    count = f"{len(people):,} {'person' if len(people) == 1 else 'people'}"
    print(f"{count} with {crops:,} {'crop' if crops == 1 else 'crops'} written to {written}")


@contextmanager
def open_people(gallery: str) -> Iterator["Gallery"]:
    """Open a gallery, and print to standard error what the user should know of it and its journal.

    Parameters
    ----------
    gallery
        Its address.
    """
    from reseen.gallery.in_use import refuse_if_in_use

    refuse_if_in_use(gallery)  # before torch is imported
    from reseen.gallery.gallery import open_gallery

    with open_gallery(gallery) as opened:
        for note in (*opened.notes, *opened.people.notes):
            print(note, file=sys.stderr)
        yield opened


def show_differences(differences: "Sequence[Difference]") -> None:
    """Print what an edit or an update changed: the first differences in words, the others by number.

    Parameters
    ----------
    differences
        What changed.
    """
    from reseen.text import printable

    for one in differences[:_SHOWN]:
        print(printable(one.text))
    if len(differences) > _SHOWN:
        print(f"and {len(differences) - _SHOWN:,} more differences; --json lists all")

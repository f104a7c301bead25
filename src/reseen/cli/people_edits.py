"""`reseen people rename`, `merge`, `split`, `move`, `reject`, `undo` and `redo`: edits of the people of a gallery."""

from typing import Annotated

from cyclopts import Parameter

Images = Annotated[list[str] | None, Parameter(negative=())]
Numbers = Annotated[list[int] | None, Parameter(negative=())]


def rename(gallery: str, person: str, name: str) -> None:
    """Name a person; an empty name takes it away.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    person
        Number or name.
    name
        The new name.
    """
    from reseen.cli.people import open_people
    from reseen.text import printable

    with open_people(gallery) as opened:
        found = opened.people.rename(opened.people.find(person).id, name)
        print(f"Person {found.id} is {printable(found.name or 'without a name')}")


def merge(gallery: str, into: str, *people: str) -> None:
    """Merge people into one, who keeps the number, and the name or takes over the only one of the others.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    into
        Number or name of the person who stays.
    people
        Numbers or names of the others.
    """
    from reseen.cli.people import open_people, show_differences

    with open_people(gallery) as opened:
        find = opened.people.find
        opened.people.merge(find(into).id, [find(name).id for name in people])
        show_differences(opened.people.differences())


def split(
    gallery: str,
    person: str,
    *,
    image: Images = None,
    tracklet: Numbers = None,
    cluster: Numbers = None,
    name: str | None = None,
) -> None:
    """Make crops of a person a person of their own.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    person
        Number or name of the person whose crops they are.
    image
        The crop with this path, as shown by a search. Repeatable.
    tracklet
        All crops of this tracklet. Repeatable.
    cluster
        All crops of this cluster. Repeatable.
    name
        Name of the new person.
    """
    from reseen.cli.people import open_people, show_differences

    with open_people(gallery) as opened:
        within = opened.people.find(person).id
        keys = opened.people.select(image or (), tracklet or (), cluster or (), within)
        opened.people.split(keys, name)
        show_differences(opened.people.differences())


def move(
    gallery: str, to: str, *, image: Images = None, tracklet: Numbers = None, cluster: Numbers = None
) -> None:
    """Say that crops show a person, whoever they belong to now. `new` makes them a new person.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    to
        Number or name of the person, or `new`.
    image
        The crop with this path, as shown by a search. Repeatable.
    tracklet
        All crops of this tracklet. Repeatable.
    cluster
        All crops of this cluster. Repeatable.
    """
    from reseen.cli.people import open_people, show_differences

    with open_people(gallery) as opened:
        keys = opened.people.select(image or (), tracklet or (), cluster or ())
        if to == "new":
            opened.people.split(keys)
        else:
            opened.people.move(keys, opened.people.find(to).id)
        show_differences(opened.people.differences())


def reject(
    gallery: str, person: str, *, image: Images = None, tracklet: Numbers = None, cluster: Numbers = None
) -> None:
    """Say that crops do not show a person: they are taken out and never assigned to this person again.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    person
        Number or name of the person.
    image
        The crop with this path, as shown by a search. Repeatable.
    tracklet
        All crops of this tracklet. Repeatable.
    cluster
        All crops of this cluster. Repeatable.
    """
    from reseen.cli.people import open_people

    with open_people(gallery) as opened:
        keys = opened.people.select(image or (), tracklet or (), cluster or ())
        opened.people.reject(keys, opened.people.find(person).id)
        print(f"{opened.people.journal.history.done[-1].words}; `reseen people undo` takes it back")


def undo(gallery: str) -> None:
    """Undo the last edit: of people, of clusters, or an answer of the viewer.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    """
    from reseen.cli.people import open_people

    with open_people(gallery) as opened:
        edit = opened.people.undo()
        print(f"Undone: {edit.words} ({edit.time})")


def redo(gallery: str) -> None:
    """Redo the last undone edit.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    """
    from reseen.cli.people import open_people

    with open_people(gallery) as opened:
        edit = opened.people.redo()
        print(f"Done again: {edit.words} ({edit.time})")

"""A page that asks whether crops show one person, one question at a time, and saves the answers as a CSV file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from reseen.files import write_text
from reseen.pages.album import Album
from reseen.pages.content import Crop
from reseen.pages.render import fill


class Question(NamedTuple):
    """A pair of crops, or a group of more."""

    stratum: str
    """Goes into the file; it is not shown, so that nobody answers what was predicted."""
    paths: Sequence[str]
    images: Sequence[Crop]


@dataclass(frozen=True)
class QuestionsContent:
    """Everything on the page."""

    title: str
    sheet: str
    """What answers are kept under in the browser, and what they name in the file."""
    run: str
    """The name of the run."""
    questions: Sequence[Question]
    earlier: Sequence[tuple[str, str, str, Sequence[str]]] = ()
    """Answers from before, which the file will hold too: sheet, stratum, answer, paths."""

    @property
    def note(self) -> str:
        """A sentence under the title."""
        return (
            "Look at the people, not at the background. Answers stay in this browser until you save them; nothing is "
            "sent anywhere."
        )


def write_questions_page(path: Path, content: QuestionsContent) -> None:
    """Write the page, whole or not at all.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    write_text(path, render_questions(content))


def render_questions(content: QuestionsContent) -> str:
    """The page as text."""
    album = Album()
    questions = []
    for question in content.questions:
        shown = [album.add(image, "") for image in question.images]
        crops = [
            {"name": picture.name, "width": picture.width, "height": picture.height, "path": path}
            for picture, path in zip(shown, question.paths, strict=True)
        ]
        questions.append({"stratum": question.stratum, "crops": crops})
    data = {"sheet": content.sheet, "questions": questions, "earlier": [list(row) for row in content.earlier]}
    return fill("questions.html.j2", album, content=content, data=data)

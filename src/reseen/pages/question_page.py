"""The page of questions for an annotator: do these crops show the same person? Answers are saved as a CSV file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from reseen.files import write_text
from reseen.pages.album import Album
from reseen.pages.content import Crop
from reseen.pages.render import fill


class Question(NamedTuple):
    """A question on a pair or a group of crops."""

    stratum: str
    """Saved with the answer; not shown, so that it cannot bias the annotator."""
    paths: Sequence[str]
    images: Sequence[Crop]


@dataclass(frozen=True)
class QuestionsContent:
    """Content of the page of questions."""

    title: str
    sheet: str
    """Key of the sheet, under which the browser stores answers; also saved with each answer."""
    run: str
    """Name of the run."""
    questions: Sequence[Question]
    earlier: Sequence[tuple[str, str, str, Sequence[str]]] = ()
    """Earlier answers (sheet, stratum, answer, paths), which are saved to the file as well."""

    @property
    def note(self) -> str:
        """A sentence under the title."""
        return (
            "Judge the people, not the background. Answers stay in this browser until you save them; nothing is sent "
            "over the network."
        )


def write_questions_page(path: Path, content: QuestionsContent) -> None:
    """Write the page atomically.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    write_text(path, render_questions(content))


def render_questions(content: QuestionsContent) -> str:
    """The page as HTML text."""
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

"""Sheets of clusters and ranked lists, with their crops put into the album of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reseen.pages.album import Album, Picture
from reseen.pages.content import ClusterSheet, Crop, Insight, RankedAnswer, RankedList
from reseen.pages.dendrogram import dendrogram


@dataclass(frozen=True)
class ShownSheet:
    """A cluster on the page."""

    title: str
    note: str
    pictures: list[Picture]
    tree: Markup | None
    tree_note: str


def cluster_sheets(
    album: Album, sheets: Sequence[ClusterSheet | tuple[str, Sequence[Crop]]]
) -> list[ShownSheet]:
    """Sheets with their crops put into the album, and their trees drawn."""
    made = (
        sheet if isinstance(sheet, ClusterSheet) else ClusterSheet(sheet[0], sheet[1]) for sheet in sheets
    )
    return [_shown_sheet(album, sheet) for sheet in made]


def _shown_sheet(album: Album, sheet: ClusterSheet) -> ShownSheet:
    count = len(sheet.images)
    words = sheet.words or [f"{sheet.title}, image {place} of {count}" for place in range(1, count + 1)]
    pictures = [album.add(image, said) for image, said in zip(sheet.images, words, strict=True)]
    tree = sheet.tree
    if tree is None:
        return ShownSheet(sheet.title, sheet.note, pictures, None, "")
    feet = [(album.add(leaf.image, leaf.words), leaf.label) for leaf in tree.leaves]
    return ShownSheet(
        sheet.title, sheet.note, pictures, dendrogram(tree.matrix, feet, tree.heights), tree.note
    )


@dataclass(frozen=True)
class ShownAnswer:
    """One answer of a ranked list on the page."""

    picture: Picture
    rank: int
    right: bool
    camera: str


@dataclass(frozen=True)
class ShownList:
    """A ranked list on the page."""

    title: str
    query: Picture
    answers: list[ShownAnswer]
    summary: str


def ranked_lists(album: Album, lists: Sequence[RankedList]) -> list[ShownList]:
    """Ranked lists with their crops put into the album."""
    return [_shown_list(album, number, ranked) for number, ranked in enumerate(lists, start=1)]


def _shown_list(album: Album, number: int, ranked: RankedList) -> ShownList:
    answers = []
    for rank, answer in enumerate(ranked.answers, start=1):
        image, right, camera = RankedAnswer(*answer)
        words = f"answer {rank}, {'right' if right else 'wrong'}{', ' + camera if camera else ''}"
        answers.append(ShownAnswer(album.add(image, words), rank, right, camera))
    right = sum(answer.right for answer in answers)
    return ShownList(
        title=ranked.title,
        query=album.add(ranked.query, f"query {number}{', ' + ranked.title if ranked.title else ''}"),
        answers=answers,
        summary=f"{right} of {len(answers)} right" if answers else "no answers",
    )


@dataclass(frozen=True)
class ShownInsight:
    """What a method looks at, on the page."""

    title: str
    note: str
    strips: list[list[tuple[Picture, str]]]
    ranked: list[ShownList]


def shown_insights(album: Album, insights: Sequence[Insight]) -> list[ShownInsight]:
    """Insights with their pictures put into the album."""
    return [
        ShownInsight(
            insight.title,
            insight.note,
            [[(album.add(image, said), said) for image, said in strip.frames] for strip in insight.strips],
            ranked_lists(album, insight.ranked),
        )
        for insight in insights
    ]

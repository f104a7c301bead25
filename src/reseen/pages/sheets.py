"""Prepare clusters, ranked lists and insights for the templates, adding their crops to the album of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reseen.pages.album import Album, Picture
from reseen.pages.content import ClusterSheet, Crop, Insight, RankedAnswer, RankedList
from reseen.pages.dendrogram import dendrogram


@dataclass(frozen=True)
class ShownSheet:
    """A cluster, prepared for the template."""

    title: str
    note: str
    pictures: list[Picture]
    tree: Markup | None
    tree_note: str


def cluster_sheets(
    album: Album, sheets: Sequence[ClusterSheet | tuple[str, Sequence[Crop]]]
) -> list[ShownSheet]:
    """Clusters with their crops added to the album and their dendrograms drawn."""
    named = (
        sheet if isinstance(sheet, ClusterSheet) else ClusterSheet(sheet[0], sheet[1]) for sheet in sheets
    )
    return [_shown_sheet(album, sheet) for sheet in named]


def _shown_sheet(album: Album, sheet: ClusterSheet) -> ShownSheet:
    count = len(sheet.images)
    captions = sheet.words or [f"{sheet.title}, image {index} of {count}" for index in range(1, count + 1)]
    pictures = [album.add(image, caption) for image, caption in zip(sheet.images, captions, strict=True)]
    tree = sheet.tree
    if tree is None:
        return ShownSheet(sheet.title, sheet.note, pictures, None, "")
    leaves = [(album.add(leaf.image, leaf.words), leaf.label) for leaf in tree.leaves]
    return ShownSheet(
        sheet.title, sheet.note, pictures, dendrogram(tree.matrix, leaves, tree.heights), tree.note
    )


@dataclass(frozen=True)
class ShownAnswer:
    """One result of a ranked list, prepared for the template."""

    picture: Picture
    rank: int
    right: bool
    camera: str


@dataclass(frozen=True)
class ShownList:
    """A ranked list, prepared for the template."""

    heading: str
    title: str
    query: Picture
    answers: list[ShownAnswer]
    summary: str


def ranked_lists(album: Album, lists: Sequence[RankedList]) -> list[ShownList]:
    """Ranked lists with their crops added to the album."""
    return [_shown_list(album, number, ranked) for number, ranked in enumerate(lists, start=1)]


def _shown_list(album: Album, number: int, ranked: RankedList) -> ShownList:
    answers = []
    for rank, answer in enumerate(ranked.answers, start=1):
        image, right, camera = RankedAnswer(*answer)
        alt = f"result {rank}, {'correct' if right else 'wrong'}{', ' + camera if camera else ''}"
        answers.append(ShownAnswer(album.add(image, alt), rank, right, camera))
    correct = sum(answer.right for answer in answers)
    return ShownList(
        heading=ranked.heading,
        title=ranked.title,
        query=album.add(ranked.query, f"query {number}{', ' + ranked.title if ranked.title else ''}"),
        answers=answers,
        summary=f"{correct} of {len(answers)} correct" if answers else "no results",
    )


@dataclass(frozen=True)
class ShownInsight:
    """An insight, prepared for the template."""

    title: str
    note: str
    strips: list[list[tuple[Picture, str]]]
    ranked: list[ShownList]


def shown_insights(album: Album, insights: Sequence[Insight]) -> list[ShownInsight]:
    """Insights with their images added to the album."""
    return [
        ShownInsight(
            insight.title,
            insight.note,
            [
                [(album.add(image, caption), caption) for image, caption in strip.frames]
                for strip in insight.strips
            ],
            ranked_lists(album, insight.ranked),
        )
        for insight in insights
    ]

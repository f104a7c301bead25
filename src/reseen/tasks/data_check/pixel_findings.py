"""Findings on pixels: images of a single value, black borders, and images of more than 8 bits."""

from collections.abc import Mapping

from reseen.data.levels import Levels, too_dark
from reseen.data.table import ImageTable
from reseen.tasks.data_check.findings import FileFacts
from reseen.tasks.data_check.report import Finding

_BORDER = 0.05
"""Share of height or width from which a black border is reported."""


def find_in_pixels(
    tables: Mapping[str, ImageTable], facts: Mapping[str, list[FileFacts]], white_level: float | None
) -> tuple[Finding, ...]:
    """Findings on pixels: problems, and how images of more than 8 bits were read."""
    named = {
        f"{name}: {path}": fact
        for name in tables
        for path, fact in zip(tables[name].paths, facts[name], strict=True)
    }
    flat = tuple(name for name, fact in named.items() if fact.flat)
    borders = tuple(
        f"{name}: {rows} of {fact.size[1]} rows, {columns} of {fact.size[0]} columns"
        for name, fact in named.items()
        for rows, columns in [fact.border]
        if fact.size and (rows >= _BORDER * fact.size[1] or columns >= _BORDER * fact.size[0])
    )
    findings = _levels([fact.levels for fact in named.values() if fact.levels is not None], white_level)
    if flat:
        text = f"{_images(len(flat))} of a single value, without content; was the range of values read correctly?"
        findings.append(Finding("look", text, flat))
    if borders:
        text = (
            f"{_images(len(borders))} with black borders, which an encoder may learn as a cue of the camera"
        )
        findings.append(Finding("look", text, borders))
    return tuple(findings)


def _levels(levels: list[Levels], white_level: float | None) -> list[Finding]:
    if not levels:
        return []
    dark = too_dark(levels) if white_level is None else ""
    items = []
    for kind in dict.fromkeys(level.kind for level in levels):
        same = [level for level in levels if level.kind == kind]
        items.append(
            f"{kind}: {_images(len(same))}, read with {same[0].white:,g} as white, values up to "
            f"{max(level.peak for level in same):,.6g}"
        )
    source = "by their format" if white_level is None else "as specified"
    text = f"{_images(len(levels))} of more than 8 bits, white level {source}"
    return [Finding("wrong" if dark else "fine", f"{text}; {dark}" if dark else text, tuple(items))]


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"

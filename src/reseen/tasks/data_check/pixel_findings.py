"""What is odd about the pixels of a data set: one value alone, black borders, values of more than 8 bits."""

from collections.abc import Mapping

from reseen.data.levels import Levels, too_dark
from reseen.data.table import ImageTable
from reseen.tasks.data_check.findings import FileFacts
from reseen.tasks.data_check.report import Finding

_BORDER = 0.05
"""Share of height or width from which on a black border is worth a look."""


def find_in_pixels(
    tables: Mapping[str, ImageTable], facts: Mapping[str, list[FileFacts]], white_level: float | None
) -> tuple[Finding, ...]:
    """Findings of the pixels; nothing that is fine but how images of more than 8 bits were read."""
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
    found = _levels([fact.levels for fact in named.values() if fact.levels is not None], white_level)
    if flat:
        text = (
            f"{_images(len(flat))} of a single value: nobody is to be seen; was it read with the wrong range?"
        )
        found.append(Finding("look", text, flat))
    if borders:
        text = (
            f"{_images(len(borders))} with black borders, which an encoder may learn as a mark of the camera"
        )
        found.append(Finding("look", text, borders))
    return tuple(found)


def _levels(found: list[Levels], white_level: float | None) -> list[Finding]:
    if not found:
        return []
    dark = too_dark(found) if white_level is None else ""
    said = []
    for kind in dict.fromkeys(one.kind for one in found):
        same = [one for one in found if one.kind == kind]
        said.append(
            f"{kind}: {_images(len(same))}, read with {same[0].white:,g} as white, values up to "
            f"{max(one.peak for one in same):,.6g}"
        )
    assumed = "as their format says" if white_level is None else "as asked for"
    text = f"{_images(len(found))} of more than 8 bits, white {assumed}"
    return [Finding("wrong" if dark else "fine", f"{text}; {dark}" if dark else text, tuple(said))]


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"

"""What a path pattern matches, in time that grows with the length of the path alone.

A regular expression with lazy wildcards gives the same fields, and tries all ways to place them where nothing fits:
minutes for a path of a few hundred letters. A recipe with such a pattern may come from a stranger.
"""

import re
from collections.abc import Iterator

MOST_WILDCARDS = 32
"""Fields and `{*}` of one pattern."""

_PARTS = re.compile(r"(\{[^{}]*\})")


class PathExpression:
    """A pattern in parts: literal text, `{*}` for any text, and fields such as `{camera}` for text without a slash."""

    def __init__(self, text: str) -> None:
        self._parts = [part for part in _PARTS.split(text) if part]
        self._literals = [
            None if part.startswith("{") and part.endswith("}") else _folded(part) for part in self._parts
        ]

    @property
    def wildcards(self) -> int:
        """Fields and `{*}`."""
        return self._literals.count(None)

    def fullmatch(self, path: str) -> dict[str, str] | None:
        """The fields, each as short as it can be, the first ones first; None where the path does not fit.

        Letter case does not matter outside the fields.
        """
        folded = _folded(path)
        begins = [0] * (len(self._parts) + 1)
        failed: dict[tuple[int, int], int] = {}  # of a part up to a place: from where on nothing fits

        def fits(number: int, begin: int) -> bool:
            begins[number] = begin
            if number == len(self._parts):
                return begin == len(folded)
            literal = self._literals[number]
            if literal is not None:
                return folded.startswith(literal, begin) and fits(number + 1, begin + len(literal))
            first, last = begin, len(folded)
            if self._parts[number] != "{*}":
                first, slash = begin + 1, folded.find("/", begin)
                last = len(folded) if slash < 0 else slash
            if failed.get((number, last), len(folded) + 1) <= begin:
                return False
            for end in self._ends(number, folded, first, last):
                if fits(number + 1, end):
                    begins[number] = begin
                    return True
            failed[number, last] = begin
            return False

        if not fits(0, 0):
            return None
        return {
            part[1:-1]: path[begins[number] : begins[number + 1]]
            for number, part in enumerate(self._parts)
            if self._literals[number] is None and part != "{*}"
        }

    def _ends(self, number: int, folded: str, first: int, last: int) -> Iterator[int]:
        """Where a wildcard may end so that what follows it can begin there."""
        if number + 1 == len(self._parts):
            if first <= len(folded) == last:
                yield last
            return
        literal = self._literals[number + 1]
        if literal is None:
            yield from range(first, last + 1)
            return
        end = folded.find(literal, first)
        while 0 <= end <= last:
            yield end
            end = folded.find(literal, end + 1)


def _folded(text: str) -> str:
    """In small letters, of the same length: a few capitals have two small letters."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)

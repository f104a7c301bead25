"""Matching of path patterns without exponential backtracking.

A regular expression with lazy wildcards gives the same fields, but on paths that do not match it tries all placements
of the wildcards: minutes for a path of a few hundred letters. Patterns can come from untrusted recipes.
"""

import re
from collections.abc import Iterator

MOST_WILDCARDS = 32
"""Limit of wildcards, that is, fields and `{*}`, per pattern."""

_PARTS = re.compile(r"(\{[^{}]*\})")


class PathExpression:
    """A parsed pattern: literal text, `{*}` for any text, and fields such as `{camera}` for text without a slash."""

    def __init__(self, text: str) -> None:
        self._parts = [part for part in _PARTS.split(text) if part]
        self._literals = [
            None if part.startswith("{") and part.endswith("}") else _folded(part) for part in self._parts
        ]

    @property
    def wildcards(self) -> int:
        """Number of fields and `{*}`."""
        return self._literals.count(None)

    def fullmatch(self, path: str) -> dict[str, str] | None:
        """Match a whole path and return its fields, or None; each field is as short as possible, from left to right.

        Letter case is ignored outside the fields.
        """
        folded = _folded(path)
        begins = [0] * (len(self._parts) + 1)
        failed: dict[
            tuple[int, int], int
        ] = {}  # (part, its last end): smallest begin from which no match exists

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
        """Possible ends of a wildcard, at which the next part can begin."""
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
    """The text in lower case, of the same length: letters whose lower case is longer are kept."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)

"""Long lists in pages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Request

Item = TypeVar("Item")


@dataclass(frozen=True)
class Part(Generic[Item]):
    """One page of a list."""

    items: Sequence[Item]
    number: int
    """From 1."""
    count: int
    """Pages in all, at least 1."""
    total: int
    """Items in all."""
    address: Callable[[int], str]
    """Of the page with a number."""


def part_of(request: Request, everything: Sequence[Item], each: int, name: str = "page") -> Part[Item]:
    """The page that a request's address asks for; the nearest one there is, where it asks for none or nonsense."""
    asked = request.query_params.get(name, "")
    count = max(1, -(-len(everything) // each))
    number = min(max(int(asked) if asked.isdecimal() and len(asked) < 9 else 1, 1), count)

    def address(other: int) -> str:
        kept = [pair for pair in request.query_params.multi_items() if pair[0] not in (name, "said")]
        return f"{request.url.path}?{urlencode([*kept, (name, str(other))])}"

    return Part(everything[(number - 1) * each : number * each], number, count, len(everything), address)

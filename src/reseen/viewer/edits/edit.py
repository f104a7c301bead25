"""A cluster edit: new cluster assignments, and what they imply for pairs of crops."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from reseen.reading import parse_as

Kind = Literal["merge", "split", "move", "same", "different", "unsure"]


@dataclass(frozen=True)
class Edit:
    """A cluster edit. Crops are referred to by key; no path, image or vector is stored."""

    kind: Kind
    time: str
    """UTC, ISO 8601."""
    words: str
    """Description, such as `merged cluster 7 into 3`."""
    before: Mapping[str, int | None] = field(default_factory=dict)
    """Previous cluster of each crop that moved."""
    after: Mapping[str, int | None] = field(default_factory=dict)
    """New cluster of each crop that moved."""
    same: tuple[tuple[str, ...], ...] = ()
    """Groups of keys, each of one person (must-link)."""
    different: tuple[tuple[str, str], ...] = ()
    """Pairs of keys of different people (cannot-link)."""
    asked: tuple[str, ...] = ()
    """The two keys of a question that this answers, `kind` being the answer; empty for other edits."""

    def to_plain(self) -> dict[str, Any]:
        """A JSON-serializable dictionary."""
        return {
            "kind": self.kind, "time": self.time, "words": self.words, "before": dict(self.before),
            "after": dict(self.after), "same": self.same, "different": self.different,
            "asked": self.asked,
        }  # fmt: skip

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Edit":
        """The inverse of `to_plain`.

        Raises:
            ValueError: `plain` is not a valid edit.
        """
        edit = parse_as(cls, json.dumps(plain))
        if edit.before.keys() != edit.after.keys():
            raise ValueError("before and after have different keys")
        if edit.asked and (len(edit.asked) != 2 or edit.kind not in ("same", "different", "unsure")):
            raise ValueError("a question is on two crops")
        if any(number is not None and not -1 <= number < 2**62 for number in _cluster_numbers(edit)):
            raise ValueError("a cluster number is out of range")
        return edit


def _cluster_numbers(edit: Edit) -> Iterable[int | None]:
    return (*edit.before.values(), *edit.after.values())

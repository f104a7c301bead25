"""One mend: which crops changed their cluster, and what it says of pairs of crops."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from reseen.reading import parse_as

Kind = Literal["merge", "split", "move", "same", "different"]
KINDS = get_args(Kind)


@dataclass(frozen=True)
class Edit:
    """What was done. Crops are known by their keys; no path, picture or vector is kept."""

    kind: Kind
    time: str
    """UTC, ISO 8601."""
    words: str
    """For a person, such as `merged clusters 3 and 7`."""
    before: Mapping[str, int | None] = field(default_factory=dict)
    """The cluster that each crop that changed was in."""
    after: Mapping[str, int | None] = field(default_factory=dict)
    """The cluster that it is in since."""
    same: tuple[tuple[str, ...], ...] = ()
    """Groups of crops, each of one person."""
    different: tuple[tuple[str, str], ...] = ()
    """Pairs of crops of two people."""

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "kind": self.kind, "time": self.time, "words": self.words, "before": dict(self.before),
            "after": dict(self.after), "same": self.same, "different": self.different,
        }  # fmt: skip

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Edit":
        """From JSON.

        Raises:
            ValueError: it is no such thing.
        """
        made = parse_as(cls, json.dumps(plain))
        if made.before.keys() != made.after.keys():
            raise ValueError("no mend")
        if any(number is not None and not -1 <= number < 2**62 for number in _numbers(made)):
            raise ValueError("a cluster without a number")
        return made


def _numbers(edit: Edit) -> Iterable[int | None]:
    return (*edit.before.values(), *edit.after.values())

"""One mend: which crops changed their cluster, and what it says of pairs of crops."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

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
            ValueError, KeyError, TypeError: it is no such thing.
        """
        if plain["kind"] not in KINDS or plain["before"].keys() != plain["after"].keys():
            raise ValueError("no mend")
        return cls(
            plain["kind"], str(plain["time"]), str(plain["words"]), plain["before"], plain["after"],
            tuple(tuple(group) for group in plain["same"]),
            tuple((first, second) for first, second in plain["different"]),
        )  # fmt: skip

"""What the identity 0 means: nobody in Market-1501's naming, the first person where people are counted from 0."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

from reseen.datasets.raw_rows import DISTRACTOR, LabeledRows

DistractorRule = Literal["auto", "zero", "none"]
"""`zero`: 0 is the number of distractors; `none`: 0 is a person; `auto`: as the naming says, and where nothing says it,
0 is a person when queries or training crops have it, since nobody asks for a distractor."""

AS_PERSON = "none, identity 0 is a person"
"""What a score says among its rules where 0 is no distractor."""


class Settled(NamedTuple):
    """Splits in which 0 is the number of distractors and of nobody else."""

    splits: dict[str, LabeledRows]
    as_person: bool
    """True when 0 was a person, and every person's number is one more than was written."""
    note: str
    """What people should know; empty for nothing."""


def resolve_zero(splits: Mapping[str, LabeledRows], rule: DistractorRule, by_naming: bool) -> Settled:
    """Number people from 1 where 0 is one of them; `by_naming` is true where the naming gives 0 to distractors."""
    asked = {
        name: sum(number == DISTRACTOR for number in split.identities)
        for name, split in splits.items()
        if name != "gallery"
    }
    if not zero_is_person(rule, by_naming, any(asked.values())):
        return Settled(dict(splits), False, "")
    shifted = {
        name: replace(
            split, identities=[number + 1 if number >= 0 else number for number in split.identities]
        )
        for name, split in splits.items()
    }
    where = ", ".join(f"{count:,} {name} crops" for name, count in asked.items() if count)
    return Settled(shifted, True, zero_note(where) if rule == "auto" else "")


def zero_is_person(rule: DistractorRule, by_naming: bool, asked: bool) -> bool:
    """Whether 0 is a person; `asked` is true where queries or training crops have the identity 0."""
    return rule == "none" or (rule == "auto" and asked and not by_naming)


def zero_note(where: str) -> str:
    """The sentence for an identity 0 that counts as a person."""
    return (
        f"{where} have the identity 0, which counts as a person here; --distractors none says so, --distractors zero "
        "makes 0 the number of distractors, who are nobody's match"
    )

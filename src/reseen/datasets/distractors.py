"""The meaning of identity 0: distractors, as in Market-1501, or a person, where persons are numbered from 0."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

from reseen.datasets.raw_rows import DISTRACTOR, LabeledRows

DistractorRule = Literal["auto", "zero", "none"]
"""`zero`: identity 0 means distractors; `none`: it is a person; `auto`: the naming convention of the layout decides,
and without one 0 is a person if queries or training crops have it, since distractors occur only in the gallery."""

AS_PERSON = "none, identity 0 is a person"
"""The entry of a score's protocol if identity 0 is a person."""


class ResolvedSplits(NamedTuple):
    """Splits in which identity 0 always means distractors."""

    splits: dict[str, LabeledRows]
    as_person: bool
    """True if 0 was a person; then all identities were increased by one."""
    note: str
    """A remark for the user; empty if there is none."""


def resolve_zero(splits: Mapping[str, LabeledRows], rule: DistractorRule, by_naming: bool) -> ResolvedSplits:
    """Renumber identities from 1 if 0 is a person; `by_naming`: 0 means distractors by the layout's convention."""
    zeros = {
        name: sum(number == DISTRACTOR for number in split.identities)
        for name, split in splits.items()
        if name != "gallery"
    }
    if not zero_is_person(rule, by_naming, any(zeros.values())):
        return ResolvedSplits(dict(splits), False, "")
    shifted = {
        name: replace(
            split, identities=[number + 1 if number >= 0 else number for number in split.identities]
        )
        for name, split in splits.items()
    }
    crops = ", ".join(f"{count:,} {name} crops" for name, count in zeros.items() if count)
    return ResolvedSplits(shifted, True, zero_note(crops) if rule == "auto" else "")


def zero_is_person(rule: DistractorRule, by_naming: bool, asked: bool) -> bool:
    """Whether identity 0 is a person; `asked`: a query or training crop has identity 0."""
    return rule == "none" or (rule == "auto" and asked and not by_naming)


def zero_note(crops: str) -> str:
    """The remark that identity 0 is taken for a person; `crops` are those that have it, as text."""
    return (
        f"{crops} have the identity 0, which counts as a person here; set --distractors none to confirm this, or "
        "--distractors zero if 0 means distractors, which match no query"
    )

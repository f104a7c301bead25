"""What is wrong with a data set, or may be: duplicates, people in two splits, splits that look swapped."""

from collections.abc import Mapping

from reseen.data.check.report import QUANTITIES, Finding, SplitReport
from reseen.data.readers.dataset import Counts

People = Mapping[str, set[int]]
"""Split to the people in it, junk and distractors not among them."""


def find(
    splits: Mapping[str, SplitReport],
    people: People,
    duplicates: tuple[tuple[str, ...], ...],
    published: Counts,
    title: str,
) -> tuple[Finding, ...]:
    """Everything that was looked at, the fine with the wrong."""
    unreadable = [
        f"{path}: {reason}" for split in splits.values() for path, reason in split.unreadable.items()
    ]
    files = tuple(dict.fromkeys(unreadable))
    text = (
        f"{len(files):,} unreadable file{'' if len(files) == 1 else 's'}" if files else "no unreadable files"
    )
    findings = [Finding("look" if files else "fine", text, files), _duplicates(duplicates)]
    findings += _shared(people)
    findings += _swapped(splits, people, published)
    if published:
        findings.append(_as_published(splits, published, title))
    return tuple(findings)


def shared_people(people: People) -> dict[str, int]:
    """People in two splits, for each pair."""
    names = list(people)
    return {
        f"{first} and {second}": len(people[first] & people[second])
        for index, first in enumerate(names)
        for second in names[index + 1 :]
    }


def _duplicates(groups: tuple[tuple[str, ...], ...]) -> Finding:
    if not groups:
        return Finding("fine", "no groups of files with the same bytes")
    splits = [{path.partition(": ")[0] for path in group} for group in groups]
    across = sum(len(names) > 1 for names in splits)
    leaks = sum("train" in names and len(names) > 1 for names in splits)
    shown = tuple(" = ".join(group[:3]) + (" = ..." if len(group) > 3 else "") for group in groups)
    said = f", {leaks:,} of them between training and test" if leaks else ""
    what = f"{len(groups):,} group{'' if len(groups) == 1 else 's'} of files with the same bytes"
    return Finding(
        "wrong" if leaks else "look",
        f"{what}, {across:,} of them across splits{said}",
        shown,
    )


def _shared(people: People) -> list[Finding]:
    found = []
    for pair, count in shared_people(people).items():
        text = f"{count:,} people in both {pair}"
        if pair == "query and gallery":
            asked = len(people["query"])
            if count == asked:
                found.append(Finding("fine", f"{text} (as it should be: queries look for them)"))
            else:
                verdict = "look" if count else "wrong"
                found.append(
                    Finding(verdict, f"{text}; {asked - count:,} of {asked:,} are asked for in vain")
                )
        elif count:
            found.append(
                Finding("wrong", f"{text}: training sees people that are scored; are the splits mixed?")
            )
        else:
            found.append(Finding("fine", text))
    return found


def _swapped(splits: Mapping[str, SplitReport], people: People, published: Counts) -> list[Finding]:
    """Query and gallery that may have changed places, unless the benchmark is made so."""
    if not {"query", "gallery"} <= splits.keys():
        return []
    by_design = published.get("query", {}).get("images", 0) > published.get("gallery", {}).get("images", 1)
    query, gallery = splits["query"], splits["gallery"]
    found = []
    if query.images > gallery.images and not by_design:
        found.append(
            Finding(
                "wrong",
                f"the query has more crops ({query.images:,}) than the gallery ({gallery.images:,}): swapped?",
            )
        )
    if query.distractors or (query.junk or 0) > (gallery.junk or 0):
        count = (query.distractors or 0) + (query.junk or 0)
        found.append(
            Finding(
                "wrong",
                f"the query holds {count:,} crops of junk or distractors: was it swapped with the gallery?",
            )
        )
    if "train" in people and people["query"] and people["query"] <= people["train"]:
        found.append(
            Finding("wrong", "everybody in the query is in the training split: was it swapped with the test?")
        )
    return found


def _as_published(splits: Mapping[str, SplitReport], published: Counts, title: str) -> Finding:
    differing = []
    for name, counts in published.items():
        if name not in splits:
            differing.append(f"{name}: not here")
            continue
        for quantity, value in counts.items():
            here = len(splits[name].cameras) if quantity == "cameras" else getattr(splits[name], quantity)
            if here != value:
                differing.append(
                    f"{name}: {here if here is None else f'{here:,}'} {quantity}, published {value:,}"
                )
    assert {key for counts in published.values() for key in counts} <= {*QUANTITIES, "cameras"}
    if differing:
        return Finding(
            "look", f"this is not {title} as published, or data of your own in its layout", tuple(differing)
        )
    return Finding("fine", f"this is {title} as published")

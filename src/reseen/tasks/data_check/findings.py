"""Read every file of a data set once, and find problems: duplicates, people in two splits, swapped splits."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from reseen.data.decode import UnreadableError, decode_with_levels, quiet_pillow, read_bytes
from reseen.data.evaluation_table import EvaluationTable
from reseen.data.levels import Levels
from reseen.data.parallel import in_blocks
from reseen.data.progress import ProgressBar
from reseen.data.table import ImageSource, ImageTable
from reseen.datasets.dataset import Counts
from reseen.datasets.folder import describe_skipped, possible_crops
from reseen.tasks.data_check.report import QUANTITIES, DataReport, Finding, SplitReport

_BLOCK = 64
_BLACK = 8
"""Largest value, 0 to 255, that counts as black: JPEG files do not hold exact black."""


@dataclass(frozen=True)
class FileFacts:
    """Properties of one file."""

    digest: bytes
    """Hash of its bytes; empty if unreadable."""
    size: tuple[int, int] | None
    """Width and height in pixels; None if it is not a usable image."""
    problem: str
    """Why it is not usable; empty if it is."""
    levels: Levels | None = None
    """Value range of an image of more than 8 bits."""
    flat: bool = False
    """Whether all pixels are equal."""
    border: tuple[int, int] = (0, 0)
    """Number of black rows and of black columns at the edges; 0 for an image that is all black."""


def inspect_files(
    tables: Mapping[str, ImageTable], progress: bool, white_level: float | None = None
) -> dict[str, list[FileFacts]]:
    """Properties of the file of each row, by table; a file in two tables is read once."""
    sources = {name: [table.source(row) for row in range(len(table))] for name, table in tables.items()}
    distinct = list(dict.fromkeys(source for listed in sources.values() for source in listed))
    facts: dict[ImageSource, FileFacts] = {}
    with ProgressBar("Checking files", len(distinct), progress) as bar, quiet_pillow():
        blocks = in_blocks(
            lambda rows: [_inspect_file(distinct[row], white_level) for row in rows], len(distinct), _BLOCK
        )
        for rows, block_facts in blocks:
            facts |= zip((distinct[row] for row in rows), block_facts, strict=True)
            bar.advance(len(rows))
    return {name: [facts[source] for source in listed] for name, listed in sources.items()}


Groups = tuple[tuple[str, ...], ...]
"""Groups of files, each `split: path`."""


def same_bytes(
    tables: Mapping[str, ImageTable | EvaluationTable],
    images: Mapping[str, ImageTable],
    facts: Mapping[str, list[FileFacts]],
) -> tuple[Groups, Groups]:
    """Groups of different files with equal bytes: those without conflicting identities, and those with.

    One file in two splits is not a group, unless it has two identities.
    """
    groups: dict[bytes, dict[tuple[ImageSource, int | None], str]] = {}
    for name, table in images.items():
        labeled = tables[name]
        people = labeled.identities.tolist() if isinstance(labeled, EvaluationTable) else [None] * len(table)
        for row, fact in enumerate(facts[name]):
            if fact.digest:
                key = table.source(row), people[row]
                groups.setdefault(fact.digest, {}).setdefault(key, f"{name}: {table.paths[row]}")
    same, different = [], []
    for group in groups.values():
        if len({person for _, person in group} - {None}) > 1:
            different.append(tuple(group.values()))
        elif len({source for source, _ in group}) > 1:
            same.append(tuple({source: path for (source, _), path in group.items()}.values()))
    return tuple(same), tuple(different)


def _inspect_file(source: ImageSource, white_level: float | None) -> FileFacts:
    digest = b""
    try:
        content = read_bytes(source)
        digest = hashlib.blake2b(content, digest_size=16).digest()
        decoded = decode_with_levels(content, white_level)
    except UnreadableError as error:
        return FileFacts(digest, None, str(error))
    pixels = decoded.pixels
    height, width, _ = pixels.shape
    flat = bool((pixels == pixels[0, 0]).all())
    return FileFacts(digest, (width, height), "", decoded.levels, flat, (0, 0) if flat else _border(pixels))


def _border(pixels: UInt8[np.ndarray, "h w 3"]) -> tuple[int, int]:
    """Number of black rows and columns at the edges; 0 if the whole image is black."""
    lit = np.asarray((pixels > _BLACK).any(axis=2))
    rows, columns = np.flatnonzero(np.any(lit, axis=1)), np.flatnonzero(np.any(lit, axis=0))
    if not rows.size:
        return 0, 0
    height, width = lit.shape
    return height - int(rows[-1] - rows[0]) - 1, width - int(columns[-1] - columns[0]) - 1


People = Mapping[str, set[int]]
"""Identities in each split, without junk and distractors."""


@dataclass(frozen=True)
class CheckInputs:
    """The data that the checks use."""

    splits: Mapping[str, SplitReport]
    people: People
    report: DataReport
    """The report, still without findings."""
    title: str
    notes: tuple[str, ...]
    """Notes from reading the data."""


def run_checks(inputs: CheckInputs) -> tuple[Finding, ...]:
    """The findings of all checks, including those without problems."""
    splits, people, published = inputs.splits, inputs.people, inputs.report.published
    unreadable = [
        f"{path}: {reason}" for split in splits.values() for path, reason in split.unreadable.items()
    ]
    files = tuple(dict.fromkeys(unreadable))
    text = (
        f"{len(files):,} unreadable file{'' if len(files) == 1 else 's'}" if files else "no unreadable files"
    )
    findings = [Finding("look" if files else "fine", text, files), _duplicates(inputs.report.duplicates)]
    findings += _conflicts(inputs.report.label_conflicts, bool(people))
    findings += _passed_over(inputs.report.passed_over)
    findings += [Finding("look", note) for note in inputs.notes]
    findings += _unknown_cameras(splits, people)
    findings += _shared(people)
    findings += _swapped(splits, people, published)
    if published:
        findings.append(_as_published(splits, published, inputs.title))
    return tuple(findings)


def shared_people(people: People) -> dict[str, int]:
    """Number of people in both splits, for each pair of splits."""
    names = list(people)
    return {
        f"{first} and {second}": len(people[first] & people[second])
        for index, first in enumerate(names)
        for second in names[index + 1 :]
    }


def _duplicates(groups: tuple[tuple[str, ...], ...]) -> Finding:
    if not groups:
        return Finding("fine", "no groups of files with the same bytes")
    splits = [_splits_of(group) for group in groups]
    across = sum(len(names) > 1 for names in splits)
    leaks = sum("train" in names and len(names) > 1 for names in splits)
    shown = tuple(" = ".join(group[:3]) + (" = ..." if len(group) > 3 else "") for group in groups)
    leak_note = f", {leaks:,} of them between training and test" if leaks else ""
    count = f"{len(groups):,} group{'' if len(groups) == 1 else 's'} of files with the same bytes"
    return Finding(
        "wrong" if leaks else "look",
        f"{count}, {across:,} of them across splits{leak_note}",
        shown,
    )


def _conflicts(groups: tuple[tuple[str, ...], ...], labeled: bool) -> list[Finding]:
    if not groups:
        return [Finding("fine", "no file has another identity than its copies")] if labeled else []
    count = f"{len(groups):,} group{'' if len(groups) == 1 else 's'} of files with the same bytes"
    shown = tuple(" = ".join(group[:3]) + (" = ..." if len(group) > 3 else "") for group in groups)
    leaks = sum("train" in names and len(names) > 1 for names in map(_splits_of, groups))
    leak_note = f", {leaks:,} of them between training and test" if leaks else ""
    return [Finding("wrong", f"{count} under different identities: label errors{leak_note}", shown)]


def _splits_of(group: tuple[str, ...]) -> set[str]:
    return {path.partition(": ")[0] for path in group}


def _passed_over(counts: Mapping[str, int]) -> list[Finding]:
    if not counts:
        return []
    text = describe_skipped(counts)
    if possible_crops(counts):
        return [Finding("look", f"{text}; convert those that are crops")]
    return [Finding("fine", text)]


def _unknown_cameras(splits: Mapping[str, SplitReport], people: People) -> list[Finding]:
    """Unknown cameras of query or gallery, where scores would count matches under the query's own camera."""
    if not {"query", "gallery"} <= people.keys():
        return []
    unknown = {name: splits[name].cameras.get("unknown", 0) for name in ("query", "gallery")}
    if not any(unknown.values()):
        return []
    counts = " and ".join(
        f"{count:,} of {splits[name].images:,} {name} crops" for name, count in unknown.items()
    )
    text = f"the cameras of {counts} are unknown: a score counts matches under the query's own camera as right there"
    return [Finding("look", text)]


def _shared(people: People) -> list[Finding]:
    findings = []
    for pair, count in shared_people(people).items():
        text = f"{count:,} people in both {pair}"
        if pair == "query and gallery":
            queried = len(people["query"])
            if count == queried:
                findings.append(Finding("fine", f"{text} (as expected)"))
            else:
                verdict = "look" if count else "wrong"
                findings.append(
                    Finding(
                        verdict,
                        f"{text}; {queried - count:,} of {queried:,} queried people are not in the gallery",
                    )
                )
        elif count:
            findings.append(
                Finding("wrong", f"{text}: training data contains test people; are the splits mixed?")
            )
        else:
            findings.append(Finding("fine", text))
    return findings


def _swapped(splits: Mapping[str, SplitReport], people: People, published: Counts) -> list[Finding]:
    """Signs that query and gallery are swapped, unless the benchmark is designed that way."""
    if not {"query", "gallery"} <= splits.keys():
        return []
    by_design = published.get("query", {}).get("images", 0) > published.get("gallery", {}).get("images", 1)
    query, gallery = splits["query"], splits["gallery"]
    findings = []
    if query.images > gallery.images and not by_design:
        findings.append(
            Finding(
                "wrong",
                f"the query has more crops ({query.images:,}) than the gallery ({gallery.images:,}): swapped?",
            )
        )
    if query.distractors or (query.junk or 0) > (gallery.junk or 0):
        count = (query.distractors or 0) + (query.junk or 0)
        findings.append(
            Finding(
                "wrong",
                f"the query holds {count:,} crops of junk or distractors: was it swapped with the gallery?",
            )
        )
    if "train" in people and people["query"] and people["query"] <= people["train"]:
        findings.append(
            Finding("wrong", "everybody in the query is in the training split: was it swapped with the test?")
        )
    return findings


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

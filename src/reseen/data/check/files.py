"""Every file of a data set, looked at once: its bytes, its size, whether it can be read."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from reseen.data.decode import UnreadableError, decode, quiet_pillow, read_bytes
from reseen.data.parallel import in_blocks
from reseen.data.progress import ProgressBar
from reseen.data.source import Source
from reseen.data.table import ImageTable

_BLOCK = 64


@dataclass(frozen=True)
class FileFacts:
    """What is known of one file."""

    digest: bytes
    """Of its bytes; empty when they cannot be read."""
    size: tuple[int, int] | None
    """Width and height in pixels; None when it is no usable image."""
    problem: str
    """Why it is none; empty when it is fine."""


def look_at_files(tables: Mapping[str, ImageTable], progress: bool) -> dict[str, list[FileFacts]]:
    """Facts of each row of each table; a file that lies in two tables is read once."""
    sources = {name: [table.source(row) for row in range(len(table))] for name, table in tables.items()}
    distinct = list(dict.fromkeys(source for found in sources.values() for source in found))
    facts: dict[Source, FileFacts] = {}
    with ProgressBar("Checking files", len(distinct), progress) as bar, quiet_pillow():
        work = in_blocks(lambda rows: [_look_at(distinct[row]) for row in rows], len(distinct), _BLOCK)
        for rows, found in work:
            facts |= zip((distinct[row] for row in rows), found, strict=True)
            bar.advance(len(rows))
    return {name: [facts[source] for source in found] for name, found in sources.items()}


def same_bytes(
    tables: Mapping[str, ImageTable], facts: Mapping[str, list[FileFacts]]
) -> tuple[tuple[str, ...], ...]:
    """Groups of different files with the same bytes, each `split: path`; one file in two splits is no group."""
    groups: dict[bytes, dict[Source, str]] = {}
    for name, table in tables.items():
        for row, fact in enumerate(facts[name]):
            if fact.digest:
                groups.setdefault(fact.digest, {}).setdefault(
                    table.source(row), f"{name}: {table.paths[row]}"
                )
    return tuple(tuple(group.values()) for group in groups.values() if len(group) > 1)


def _look_at(source: Source) -> FileFacts:
    digest = b""
    try:
        content = read_bytes(source)
        digest = hashlib.blake2b(content, digest_size=16).digest()
        height, width, _ = decode(content).shape
    except UnreadableError as error:
        return FileFacts(digest, None, str(error))
    return FileFacts(digest, (width, height), "")

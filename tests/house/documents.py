"""README and documentation, taken apart: fenced blocks, words in backticks."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.house.source import PROJECT

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SNIPPET = re.compile(r'^--8<-- "([^"]+)"$', re.MULTILINE)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A fenced block: the page, its number there, its language and its text, snippets not filled in."""

    page: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"

    @property
    def snippets(self) -> list[str]:
        """Files that the block shows."""
        return SNIPPET.findall(self.text)


def pages() -> list[Path]:
    """Every page a person reads."""
    return [PROJECT / name for name in ("README.md", "CONTRIBUTING.md")] + sorted(
        (PROJECT / "docs").rglob("*.md")
    )


def name(page: Path) -> str:
    """`docs/data.md`."""
    return page.relative_to(PROJECT).as_posix()


def blocks(language: str) -> list[Block]:
    """Every fenced block in a language."""
    found = []
    for page in pages():
        fences = FENCE.findall(page.read_text(encoding="utf-8"))
        found += [
            Block(name(page), number, kind, text) for number, (kind, text) in enumerate(fences, start=1)
        ]
    return [block for block in found if block.language == language]


def inline_code() -> list[tuple[str, str]]:
    """Every page and text in single backticks, outside fenced blocks."""
    return [
        (name(page), text)
        for page in pages()
        for text in INLINE.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    ]


def command_lines(program: str) -> list[tuple[str, list[str]]]:
    """Where it stands and the words, for every line of a `sh` block that begins with `program`."""
    found = []
    for block in blocks("sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
            if line.startswith(f"{program} "):
                found.append((str(block), shlex.split(line, comments=True)[len(program.split()) :]))
    return found

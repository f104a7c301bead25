"""An XML reader with limits on size, depth and number of elements; files that declare entities are refused.

Entities are how a small XML file becomes gigabytes, or includes other files. What reseen reads needs none, so that a
document type, in which they are declared, is refused before anything of it is read.
"""

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from reseen.reading.regular import MOST_BYTES, read_regular

_DEEPEST = 50
_MOST_ELEMENTS = 2_000_000


@dataclass
class XmlElement:
    """An element with its attributes, its text (that of all places between its children, joined) and its children."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: list["XmlElement"] = field(default_factory=list)

    def find_all(self, tag: str) -> list["XmlElement"]:
        """Children of this name, in order."""
        return [child for child in self.children if child.tag == tag]

    def text_at(self, *path: str) -> str:
        """The text of the first element at a path of names below this one, stripped; empty if there is none."""
        element = self
        for tag in path:
            found = element.find_all(tag)
            if not found:
                return ""
            element = found[0]
        return element.text.strip()


def parse_xml(content: bytes) -> XmlElement:
    """Parse XML of at most 50 levels and 2 million elements; returns the outermost element.

    Raises:
        ValueError: the text is not well-formed, has a document type, or exceeds a limit.

    Example:
        >>> parse_xml(b"<image name='a.jpg'><box label='person'/></image>").children[0].attributes
        {'label': 'person'}
    """
    top = XmlElement("")
    stack, count = [top], 0
    texts: list[list[str]] = [[]]
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > _MOST_ELEMENTS:
            raise ValueError(f"more than {_MOST_ELEMENTS:,} elements")
        if len(stack) > _DEEPEST:
            raise ValueError(f"elements nested more than {_DEEPEST} deep")
        element = XmlElement(tag, attributes)
        stack[-1].children.append(element)
        stack.append(element)
        texts.append([])

    def end(_tag: str) -> None:
        stack.pop().text = "".join(texts.pop())

    def characters(text: str) -> None:
        texts[-1].append(text)

    def refuse(*_: object) -> None:
        raise ValueError("a document type, which could declare entities")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = characters, refuse
    parser.buffer_text = True
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise ValueError(f"not well-formed XML: {error}") from None
    return top.children[0]


def read_xml(path: Path, most_bytes: int = MOST_BYTES) -> XmlElement:
    """Read a file by `parse_xml`.

    Raises:
        OSError: the file is missing, cannot be read, or is not a regular file.
        ValueError: as in `parse_xml`, or the file is larger than `most_bytes`.
    """
    return parse_xml(read_regular(path, most_bytes))

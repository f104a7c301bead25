"""Output that no encoding stops: a terminal or a file that is not UTF-8, and file names that are no text."""

import codecs
import io
import sys

_PLAIN = {"·": "-", "±": "+-", "–": "-", "−": "-", "×": "x", "…": "...", "→": "->", "▀": "#"}
_SPINNER = range(0x2800, 0x2900)
"""Braille, of which a terminal's spinner is made."""


def accept_any_encoding() -> None:
    """Have standard output and error show in other characters what their encoding lacks, instead of failing."""
    codecs.register_error("reseen-plain", _in_plain_characters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="reseen-plain")


def _in_plain_characters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    said = ""
    for character in error.object[error.start : error.end]:
        code = ord(character)
        escape = (
            f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
        )
        said += _PLAIN.get(character, "." if code in _SPINNER else escape)
    return said, error.end

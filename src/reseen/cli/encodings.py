"""Output that never fails on an encoding: terminals and files other than UTF-8, undecodable file names."""

import codecs
import io
import sys

_PLAIN = {"·": "-", "±": "+-", "–": "-", "−": "-", "×": "x", "…": "...", "→": "->", "▀": "#"}
_SPINNER = range(0x2800, 0x2900)
"""Code points of Braille patterns, which terminal spinners consist of."""


def accept_any_encoding() -> None:
    """Make standard output and error replace characters that their encoding lacks, instead of failing."""
    codecs.register_error("reseen-plain", _in_plain_characters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="reseen-plain")


def _in_plain_characters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    replacement = ""
    for character in error.object[error.start : error.end]:
        code = ord(character)
        escape = (
            f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
        )
        replacement += _PLAIN.get(character, "." if code in _SPINNER else escape)
    return replacement, error.end

"""Escaping of untrusted names for terminals, one-line lists and spreadsheets."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BIDI_CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Bidirectional control characters, which can make one name look like another."""


def printable(text: str) -> str:
    r"""Escape a name for a terminal: control characters, line breaks and undecodable bytes become `\x1b`, `\n`."""
    if text.isprintable() and not any(character in _BIDI_CONTROLS for character in text):
        return text
    return "".join(
        character if character.isprintable() and character not in _BIDI_CONTROLS else _escaped(character)
        for character in text
    )


def spreadsheet_cell(text: str) -> str:
    """Escape a name for a CSV file: a `'` is put before names that a spreadsheet would run as a formula.

    Numbers are left unchanged. `parse_spreadsheet_cell` is the inverse.
    """
    if text.lstrip("'").startswith(_FORMULA) and not _is_number(text):
        return f"'{text}"
    return text


def parse_spreadsheet_cell(text: str) -> str:
    """The name that `spreadsheet_cell` escaped."""
    return text[1:] if text.startswith("'") and spreadsheet_cell(text[1:]) == text else text


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not valid UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

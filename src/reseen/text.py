"""Names that others chose, made harmless where they are shown: in a terminal, a line of a list, a spreadsheet."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TURNED = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Marks that turn the direction of writing, with which a name can look like another."""


def printable(text: str) -> str:
    r"""A name for a terminal: control characters, line breaks and what is no text are written as `\x1b`, `\n`."""
    if text.isprintable() and not any(sign in _TURNED for sign in text):
        return text
    return "".join(sign if sign.isprintable() and sign not in _TURNED else _escaped(sign) for sign in text)


def spreadsheet_cell(text: str) -> str:
    """A name for a CSV file: spreadsheets run a cell that begins with `=`, so such names get a `'` before them.

    Numbers stay as they are. `parse_spreadsheet_cell` takes the mark away again.
    """
    if text.lstrip("'").startswith(_FORMULA) and not _is_number(text):
        return f"'{text}"
    return text


def parse_spreadsheet_cell(text: str) -> str:
    """What `spreadsheet_cell` was given."""
    return text[1:] if text.startswith("'") and spreadsheet_cell(text[1:]) == text else text


def _escaped(sign: str) -> str:
    code = ord(sign)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file's name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return sign.encode("unicode_escape", "surrogatepass").decode("ascii")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

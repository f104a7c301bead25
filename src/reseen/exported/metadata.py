"""Metadata of an exported file, as text, and messages of the runtimes."""

PREFIX = "reseen."
"""Prefix of every metadata key."""

Card = dict[str, str]


def first_line(error: Exception) -> str:
    """The first line of an error message, at most 160 characters."""
    text = str(error).strip()
    return (text.splitlines()[0] if text else error.__class__.__name__)[:160]

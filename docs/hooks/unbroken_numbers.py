"""A mean and its standard deviation stay on one line, in tables and in the text."""

from typing import Any

_SPACE = "\N{NO-BREAK SPACE}"


def on_page_content(html: str, **_context: Any) -> str:
    """Replace the spaces around every plus-minus sign."""
    return html.replace(" ± ", f"{_SPACE}±{_SPACE}")

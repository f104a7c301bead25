"""Formulas are turned into MathML while the pages are built, so that no reader fetches a script.

`pymdownx.arithmatex` marks what stands between dollar signs; browsers draw MathML by themselves.
"""

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert

_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\s*\\[(\[](?P<latex>.*?)\\[)\]]\s*</(?P=tag)>', re.DOTALL
)


def on_page_content(html: str, **_context: Any) -> str:
    """Replace every marked formula of a page; LaTeX that cannot be read ends the build."""
    return _FORMULA.sub(_mathml, html)


def _mathml(found: re.Match[str]) -> str:
    tag, display = found["tag"], "block" if found["tag"] == "div" else "inline"
    return f'<{tag} class="formula">{convert(unescape(found["latex"]).strip(), display=display)}</{tag}>'

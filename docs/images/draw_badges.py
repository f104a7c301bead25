"""Draw the badges of the README from the project's own files: `docs/images/badge-*.svg`.

    python docs/images/draw_badges.py

Nothing is fetched, by the script or by who reads the README. A test fails where a badge is not what the script draws.
"""

import ast
import tomllib
from pathlib import Path

IMAGES = Path(__file__).resolve().parent
PROJECT = IMAGES.parents[1]
BLUE, GREEN, GRAY = "#1f6feb", "#2a7f3f", "#4b5563"
_HEIGHT, _PAD, _FONT_SIZE = 20, 7, 11
_NARROW = "ijlt|.,: "
"""Letters of 4 pixels; others take 7. The texts are stretched to these widths, whatever font a reader has."""
_STEP = 500
"""The number of tests is rounded down to a multiple of this."""


def main() -> None:
    """Draw all badges."""
    for name, svg in badges().items():
        (IMAGES / name).write_text(svg, encoding="utf-8")
        print(IMAGES / name)


def badges() -> dict[str, str]:
    """The SVG of each badge, by file name."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    python = "Programming Language :: Python :: "
    versions = [line.removeprefix(python) for line in project["classifiers"] if line.startswith(python)]
    torch = next(line for line in project["dependencies"] if line.startswith("torch>="))
    made = {
        "python": draw("Python", " | ".join(versions), BLUE),
        "pytorch": draw("PyTorch", torch.removeprefix("torch>=") + " or newer", BLUE),
        "license": draw("license", project["license"], GREEN),
        "tests": draw("tests", f"more than {test_functions() // _STEP * _STEP:,}", GREEN),
    }
    if "Typing :: Typed" in project["classifiers"]:
        made["typed"] = draw("typed", "PEP 561", GREEN)
    return {f"badge-{name}.svg": svg for name, svg in made.items()}


def test_functions() -> int:
    """Number of test functions; what is parametrized counts once."""
    return sum(
        isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        for file in (PROJECT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    )


def draw(label: str, value: str, color: str) -> str:
    """An SVG of a label and its value."""
    widths = [sum(4 if letter in _NARROW else 7 for letter in text) for text in (label, value)]
    left, right = (width + 2 * _PAD for width in widths)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" role="img" '
        f'aria-label="{label}: {value}">\n'
        f"<title>{label}: {value}</title>\n"
        f'<clipPath id="edge"><rect width="{left + right}" height="{_HEIGHT}" rx="3"/></clipPath>\n'
        f'<g clip-path="url(#edge)">\n'
        f'<rect width="{left}" height="{_HEIGHT}" fill="{GRAY}"/>\n'
        f'<rect x="{left}" width="{right}" height="{_HEIGHT}" fill="{color}"/>\n'
        "</g>\n"
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" '
        f'font-size="{_FONT_SIZE}">\n'
        f'<text x="{left / 2:g}" y="14" textLength="{widths[0]}">{label}</text>\n'
        f'<text x="{left + right / 2:g}" y="14" textLength="{widths[1]}">{value}</text>\n'
        "</g>\n"
        "</svg>\n"
    )


if __name__ == "__main__":
    main()

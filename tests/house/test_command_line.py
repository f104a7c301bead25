"""The command line parses and prints: it holds no settings, no numbers and no state of its own."""

import ast

import pytest
from tests.house.source import PACKAGE, imported_names, module_name

COMMANDS = sorted((PACKAGE / "cli").glob("*.py"))

PARTS = {
    "audit", "camera_means", "cluster", "compiled", "evaluate", "geometry", "losses", "memory", "methods", "models",
    "neighbors", "reading",
}  # fmt: skip
"""Packages that a function of another package calls, never a command."""

NUMERIC = {"faiss", "numba", "numpy", "pyarrow", "scipy", "sklearn", "timm", "torch"}

MOST_STATEMENTS = 30
"""Of a function, imports not counted: a command passes flags on and prints what comes back."""


def statements(function):
    """The number of statements in a function, with those of the functions in it."""
    inside = [node for node in ast.walk(function) if isinstance(node, ast.stmt)]
    return len([node for node in inside if not isinstance(node, ast.Import | ast.ImportFrom)]) - 1


@pytest.mark.parametrize("path", COMMANDS, ids=module_name)
def test_a_command_imports_no_part_and_nothing_numeric(path):
    for name in imported_names(path):
        first, _, rest = name.partition(".")
        assert first not in NUMERIC, f"{path}: {name}"
        assert first != "reseen" or rest.partition(".")[0] not in PARTS, f"{path}: {name}"


@pytest.mark.parametrize("path", COMMANDS, ids=module_name)
def test_a_command_defines_no_class(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


@pytest.mark.parametrize("path", COMMANDS, ids=module_name)
def test_a_command_is_short(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    counts = {n.name: statements(n) for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    assert not {name: count for name, count in counts.items() if count > MOST_STATEMENTS}

"""Every public thing says what it is, and what it says about parameters is true."""

import ast
import re

import pytest
from tests.house.source import module_name, source_files

Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

GOOGLE = re.compile(r"^Args:\n((?:[ ]+.*\n?|\n)+)", re.MULTILINE)
NUMPY = re.compile(r"^Parameters\n-+\n((?:.*\n?)+)", re.MULTILINE)


def public_definitions(tree):
    """Public functions, classes and methods, with their names in full."""

    def walk(body, prefix):
        for node in body:
            if isinstance(node, Documented) and not node.name.startswith("_"):
                yield f"{prefix}{node.name}", node
                if isinstance(node, ast.ClassDef) and not is_protocol(node):
                    yield from walk(node.body, f"{prefix}{node.name}.")

    yield from walk(tree.body, "")


def is_protocol(node):
    return any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)


def parameters(node):
    """Names of a function's parameters, or of what a class is made with."""
    if isinstance(node, ast.ClassDef):
        made = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
        if made:
            return parameters(made[0])
        return {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}
    arguments = node.args
    listed = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    return {argument.arg for argument in listed if argument is not None} - {"self", "cls"}


def described(docstring):
    """Parameter names in a Google or NumPy section."""
    google, numpy = GOOGLE.search(docstring), NUMPY.search(docstring)
    if google:
        indent = min(len(line) - len(line.lstrip()) for line in google[1].splitlines() if line.strip())
        entry = re.compile(rf" {{{indent}}}\*{{0,2}}(\w+)(?: \(.*\))?:")
        found = [entry.match(line) for line in google[1].splitlines()]
    elif numpy:
        section = re.split(r"\n\n?\w+\n-{3,}\n", numpy[1])[0]
        found = [re.match(r"\*{0,2}(\w+)(?: *:.*)?$", line) for line in section.splitlines()]
    else:
        return set()
    return {match[1] for match in found if match}


@pytest.mark.parametrize("path", source_files(), ids=module_name)
def test_public_things_are_documented_and_parameters_are_real(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path}: the module has no docstring"
    for name, node in public_definitions(tree):
        docstring = ast.get_docstring(node)
        assert docstring, f"{path}: {name} has no docstring"
        unknown = described(docstring) - parameters(node)
        assert not unknown, f"{path}: {name} describes parameters that it does not have: {sorted(unknown)}"


def test_commands_describe_every_parameter():
    """A parameter without a description is a bare line in the help."""
    for path in source_files():
        if path.parent.name == "cli" and path.name not in {"__init__.py", "app.py"}:
            for name, node in public_definitions(ast.parse(path.read_text(encoding="utf-8"))):
                missing = parameters(node) - described(ast.get_docstring(node) or "") - {"settings"}
                assert not missing, f"{path}: {name} says nothing about {sorted(missing)}"


@pytest.mark.parametrize(
    ("docstring", "names"),
    [
        ("Say it.\n\nArgs:\n    one: first\n        of many: words\n    two (int): second\n", {"one", "two"}),
        ("Say it.\n\nParameters\n----------\none\n    First.\ntwo\n    Second.\n", {"one", "two"}),
        ("Say it.", set()),
    ],
)
def test_the_rule_reads_both_forms(docstring, names):
    assert described(docstring) == names

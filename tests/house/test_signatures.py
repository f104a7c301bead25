"""What a function takes and returns can be read where it is called: few positional parameters, named results."""

import ast

import pytest
from tests.house.source import module_name, source_files

MOST_POSITIONAL = 7
"""As many as a function may take by position; further ones are given by name."""
MOST_RETURNED = 2
"""As many values as a public function may return in a bare tuple; more are the fields of a dataclass.

A documented name for a tuple, such as `Rows` for the arrays of sparse rows that compiled loops take, is none."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree):
    """Every function of a module with its name in full, also those in classes and functions."""

    def walk(nodes, prefix, bases):
        for node in nodes:
            if isinstance(node, Function):
                yield f"{prefix}{node.name}", node, bases
                yield from walk(node.body, f"{prefix}{node.name}.", ())
            elif isinstance(node, ast.ClassDef):
                names = tuple(ast.unparse(base) for base in node.bases)
                yield from walk(node.body, f"{prefix}{node.name}.", names)
            elif not isinstance(node, ast.expr):
                yield from walk(ast.iter_child_nodes(node), prefix, bases)

    return walk(tree.body, "", ())


def positional(node):
    """Names of the parameters that can be given by position."""
    given = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return [name for name in given if name not in ("self", "cls", "ctx")]


def is_kernel(node, bases):
    """Numba knows no parameters that are given by name alone, and torch calls an autograd function by position."""
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    compiled = any(text.startswith("compiled(") for text in decorators)
    return compiled or ("torch.autograd.Function" in bases and node.name in ("forward", "backward"))


def longest_tuple(annotation):
    """The number of values of the longest tuple of fixed length in an annotation; 0 if there is none."""
    lengths = [0]
    for node in ast.walk(annotation):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("tuple", "Tuple"):
            values = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if not any(isinstance(value, ast.Constant) and value.value is Ellipsis for value in values):
                lengths.append(len(values))
    return max(lengths)


def faults(source):
    """What is wrong with the signatures of a module."""
    tree = ast.parse(source)
    for name, node, bases in functions(tree):
        if not is_kernel(node, bases) and len(positional(node)) > MOST_POSITIONAL:
            yield f"{name} takes {len(positional(node))} parameters by position; put * before the last of them"
        private = any(part.startswith("_") for part in name.split("."))
        if not private and node.returns is not None and longest_tuple(node.returns) > MOST_RETURNED:
            yield f"{name} returns {ast.unparse(node.returns)}; return a dataclass"


@pytest.mark.parametrize("path", source_files(), ids=module_name)
def test_signatures_can_be_read_where_they_are_used(path):
    assert not list(faults(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("def f(a, b, c, d, e, f, g): ...", 0),
        ("def f(a, b, c, d, e, f, g, h): ...", 1),
        ("class A:\n    def f(self, a, b, c, d, e, f, g): ...", 0),
        ("if x:\n    def f(a, b, c, d, e, f, g, h): ...", 1),
        ("@compiled()\ndef f(a, b, c, d, e, f, g, h): ...", 0),
        ("def f(a, b, c, d, e, f, *, g, h): ...", 0),
        ("def f() -> tuple[int, str]: ...", 0),
        ("def f() -> tuple[int, ...]: ...", 0),
        ("def f() -> tuple[int, str, int]: ...", 1),
        ("def f() -> Iterator[tuple[int, str, int]]: ...", 1),
        ("def _f() -> tuple[int, str, int]: ...", 0),
    ],
)
def test_the_rules_find_what_they_are_for(source, count):
    assert len(list(faults(source))) == count

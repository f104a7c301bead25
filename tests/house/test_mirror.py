"""Tests mirror the tree, or a table says where they are."""

import ast

import pytest
from tests.house.mirror import COVERED_BY, covered_by, find_tests, mirrored_tests
from tests.house.source import PACKAGE, source_files

MODULES = [path for path in source_files() if path.name not in ("__init__.py", "__main__.py")]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_has_tests_of_its_name_or_is_in_the_table(module):
    inside = module.relative_to(PACKAGE)
    assert find_tests(module), (
        f"write tests/{inside.parent}/test_{inside.stem}.py, or name it in tests/house/mirror.py"
    )


@pytest.mark.parametrize("module", covered_by(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_table_names_what_is_there(module):
    assert module.is_file(), "remove it from tests/house/mirror.py"
    assert not mirrored_tests(module), "it has tests of its name: remove it from tests/house/mirror.py"
    for test in covered_by()[module]:
        assert any(
            isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in _nodes(test)
        )


def test_the_table_names_a_module_once():
    assert len(covered_by()) == sum(len(names.split()) for _, names, _ in COVERED_BY)


def _nodes(path):
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))

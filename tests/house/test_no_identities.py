"""Ground truth cannot be reached from the training path: not by a column, not by an import."""

import ast
from dataclasses import fields

import pytest
from tests.house.source import PACKAGE, imported_names, module_name, source_files

from reseen.data.table import ImageTable
from reseen.methods import MethodContext
from reseen.records import Batch

TRAINING_PATH = ("methods", "losses", "memory", "cluster", "audit", "models", "neighbors")
TRAINING_FILES = (
    "training/loop.py",
    "features/extract.py",
    "training/setup.py",
    "training/train.py",
    "data/crops.py",
    "data/sampler.py",
)
READS_IDENTITIES = ("reseen.evaluate", "reseen.data.evaluation_table", "reseen.tasks.evaluation.score")


def training_path():
    return [
        path
        for path in source_files()
        if path.relative_to(PACKAGE).parts[0] in TRAINING_PATH
        or path.relative_to(PACKAGE).as_posix() in TRAINING_FILES
    ]


@pytest.mark.parametrize("record", [ImageTable, Batch, MethodContext])
def test_what_training_sees_has_no_identities(record):
    names = {field.name for field in fields(record)} | set(dir(record))
    assert not [name for name in names if "identit" in name or "person" in name or name in {"pid", "pids"}]


def test_the_listed_files_exist():
    assert all((PACKAGE / name).is_file() for name in TRAINING_FILES)
    assert all((PACKAGE / name).is_dir() for name in TRAINING_PATH)


@pytest.mark.parametrize("path", training_path(), ids=module_name)
def test_the_training_path_imports_nothing_that_reads_identities(path):
    reached = [
        name
        for name in imported_names(path)
        if any(name == source or name.startswith(f"{source}.") for source in READS_IDENTITIES)
    ]
    assert not reached
    assert "reseen.datasets.read_evaluation" not in imported_names(path)


@pytest.mark.parametrize("path", training_path(), ids=module_name)
def test_the_training_path_never_names_identities(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not [name for name in attributes if "identit" in name]

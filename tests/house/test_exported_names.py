"""What `import reseen` offers: complete, lazy, and nothing that is private."""

import subprocess
import sys
from importlib import import_module

import pytest

import reseen
from reseen import _HOMES, _MODULES, errors

HEAVY = {
    "torch",
    "numpy",
    "pydantic",
    "timm",
    "faiss",
    "numba",
    "pyarrow",
    "ray",
    "fsspec",
    "rich",
    "sklearn",
}


def test_the_list_of_public_names_is_the_table_of_their_homes():
    assert sorted(reseen.__all__) == sorted([*_HOMES, *_MODULES, "__version__"])
    assert dir(reseen) == sorted(reseen.__all__)
    assert [name for name in dir(reseen) if name.startswith("_")] == ["__version__"]


@pytest.mark.parametrize("name", sorted(_HOMES))
def test_public_name_lives_where_the_table_says(name):
    assert getattr(reseen, name) is getattr(import_module(_HOMES[name]), name)


@pytest.mark.parametrize("name", _MODULES)
def test_a_part_is_an_attribute_that_lists_its_names(name):
    part = getattr(reseen, name)
    assert part is import_module(f"reseen.{name}")
    if part is not errors:
        assert part.__all__
        assert not [entry for entry in part.__all__ if entry.startswith("_") or not hasattr(part, entry)]


def test_every_error_is_a_public_name():
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    assert kinds <= set(_HOMES)


def test_editors_see_what_is_there():
    """Editors and type checkers read the imports that are never run; they must be those of the table."""
    source = import_module("inspect").getsource(reseen)
    block = source.partition("if TYPE_CHECKING:\n")[2].partition("\n_MODULES")[0]
    namespace: dict[str, object] = {}
    exec("\n".join(line.removeprefix("    ") for line in block.splitlines()), namespace)
    seen = {name for name in namespace if not name.startswith("__")}
    assert seen == {*_HOMES, *_MODULES}
    assert all(namespace[name] is getattr(reseen, name) for name in seen)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'reseen' has no attribute 'trian'"):
        reseen.trian  # noqa: B018


def loaded(script):
    """Top-level modules after a script, in a fresh interpreter."""
    command = f"import sys\n{script}\nprint(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_importing_the_package_alone_imports_nothing_heavy():
    modules = loaded("import reseen; dir(reseen); reseen.ReseenError; reseen.errors.DataError")
    assert "reseen" in modules
    assert not HEAVY & modules


def test_a_part_is_imported_when_it_is_used():
    assert "torch" in loaded("import reseen; reseen.losses.batch_hard_triplet")

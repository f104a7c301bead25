import subprocess
import sys

import pytest

import reseen
from reseen import _HOMES


def test_the_list_of_public_names_is_the_table_of_their_homes():
    assert sorted(reseen.__all__) == sorted([*_HOMES, "__version__"])


@pytest.mark.parametrize("name", sorted(_HOMES))
def test_public_name_lives_where_the_table_says(name):
    module = __import__(_HOMES[name], fromlist=[name])
    assert getattr(reseen, name) is getattr(module, name)
    assert name in dir(reseen)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'reseen' has no attribute 'trian'"):
        reseen.trian  # noqa: B018


def test_importing_the_package_alone_imports_nothing_heavy():
    script = "import sys, reseen; print(' '.join({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "reseen" in loaded
    assert not {
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
    } & set(loaded)

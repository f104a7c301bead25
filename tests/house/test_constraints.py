"""`constraints.txt` pins what was tested, and says nothing about where it comes from."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.house.source import PROJECT

LINES = (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = [line for line in LINES if line.strip() and not line.startswith("#")]


def declared():
    """Every requirement in pyproject.toml."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = [text for group in project["project"]["optional-dependencies"].values() for text in group]
    return [Requirement(text) for text in [*project["project"]["dependencies"], *extras]]


@pytest.mark.parametrize("line", PINS)
def test_a_pin_is_one_name_and_one_exact_version(line):
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.!+]*", line)


def test_no_line_names_a_place():
    for line in LINES:
        assert "://" not in line
        assert "@" not in line
        assert not line.startswith("-")  # --index-url, --find-links, -e


def test_no_package_is_pinned_twice():
    names = [canonicalize_name(line.partition("==")[0]) for line in PINS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_every_requirement_is_pinned_within_its_bounds(requirement):
    pins = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in PINS)}
    version = pins.get(canonicalize_name(requirement.name))
    assert version is not None, f"{requirement.name} is not in constraints.txt"
    assert requirement.specifier.contains(version), f"{requirement} but {version} is pinned"

"""`constraints.txt` pins everything that was tested, and says nothing about where it comes from."""

import re
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.house.source import PROJECT

LINES = (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = [line for line in LINES if line.strip() and not line.startswith("#")]
PINNED = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in PINS)}
EXTRAS = {"dev", "docs"}
"""What `make` installs besides the package itself."""


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
    version = PINNED.get(canonicalize_name(requirement.name))
    assert version is not None, f"{requirement.name} is not in constraints.txt"
    assert requirement.specifier.contains(version), f"{requirement} but {version} is pinned"


def required_here(name, extras):
    """What `name` with `extras` needs on this platform, at any distance, and has: distributions and versions."""
    found, asked, waiting = {}, set(), [(canonicalize_name(name), "", *sorted(extras))]
    while waiting:
        name, *extras = waiting.pop()
        try:
            installed = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # an extra that this environment was made without
            continue
        found[name] = installed.version
        for requirement in map(Requirement, installed.requires or ()):
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in extras):
                continue
            further = (canonicalize_name(requirement.name), "", *sorted(requirement.extras))
            if further not in asked:
                asked.add(further)
                waiting.append(further)
    return found


def test_everything_installed_is_pinned_at_its_version():
    """What is for other platforms alone may be pinned and not installed; nothing may be installed and not pinned."""
    installed = required_here("reseen", EXTRAS)
    del installed["reseen"]
    assert {"torch", "pytest", "typing-extensions"} <= set(
        installed
    )  # of the package, of an extra, of another
    missing = [f"{name}=={version}" for name, version in sorted(installed.items()) if name not in PINNED]
    assert not missing, f"add to constraints.txt: {' '.join(missing)}"
    others = [
        f"{name}=={version} is installed, {PINNED[name]} is pinned"
        for name, version in sorted(installed.items())
        if not Requirement(f"{name}=={PINNED[name]}").specifier.contains(version, prereleases=True)
    ]
    assert not others, f"install what constraints.txt pins, or change the pins: {'; '.join(others)}"

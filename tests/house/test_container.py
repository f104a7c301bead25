"""The container image: its steps are those of the documentation, and the script says when nothing can build it."""

import re
import shlex
import subprocess
import sys

import pytest
from tests.house.source import PROJECT

SCRIPT = PROJECT / "docker" / "build.sh"
RECIPE = (PROJECT / "docker" / "Dockerfile").read_text(encoding="utf-8")


def test_what_it_installs_is_what_the_pages_say():
    words = [
        shlex.split(line.removeprefix("RUN ")) for line in RECIPE.splitlines() if line.startswith("RUN pip ")
    ]
    assert [[word for word in line if word != "--no-cache-dir"] for line in words] == [
        ["pip", "install", "--constraint", "constraints.txt", ".[video,onnx]"]
    ]
    pages = (PROJECT / "README.md").read_text() + (PROJECT / "docs" / "install.md").read_text()
    assert 'pip install ".[video]"' in pages
    assert "pip install --constraint constraints.txt" in pages
    assert "RUN reseen doctor" in RECIPE
    assert re.search(r"^FROM python:3\.\d+-slim$", RECIPE, re.MULTILINE)


def build(path, *arguments):
    environment = {"PATH": str(path)}
    found = subprocess.run(
        ["/bin/sh", SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    return found.returncode, found.stdout, found.stderr


@pytest.fixture
def programs(tmp_path):
    """A folder that is the whole PATH: the shell's own helper, and what a test puts there."""
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    return tmp_path


def program(folder, name, info):
    file = folder / name
    file.write_text(
        f'#!{sys.executable}\nimport sys\nif sys.argv[1] == "info":\n    sys.exit({info})\nprint(*sys.argv[1:])\n'
    )
    file.chmod(0o755)


def test_without_a_builder_it_says_so(programs):
    code, out, error = build(programs)
    assert (code, out) == (2, "")
    assert error.startswith("no builder of images here: install docker, podman, buildah or nerdctl")
    assert error.count("\n") == 1


def test_a_builder_whose_service_is_down_is_named(programs):
    program(programs, "docker", 1)
    code, _, error = build(programs)
    assert code == 2
    assert "no builder of images works here: docker cannot reach its service" in error


def test_the_first_builder_that_works_builds(programs):
    program(programs, "docker", 1)
    program(programs, "podman", 0)
    code, out, _ = build(programs, "mine")
    assert (code, out) == (0, "build --file docker/Dockerfile --tag mine .\n")

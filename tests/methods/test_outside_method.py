"""The example of the documentation as somebody else's method: by `--plugin`, and as an installed package."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.limits import HANG_SECONDS

from reseen.cli import main
from reseen.methods import METHODS
from reseen.registry import PLUGINS
from reseen.runs.run import open_run
from reseen.training import loop

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLE = PROJECT / "examples" / "static_centroids.py"
RECIPE = PROJECT / "examples" / "static-centroids.yaml"
NAME = "static-centroids"

SUITE = """
from reseen.testing import MethodConformance
from reseen.testing import conformance_crowd as conformance_crowd


class TestStaticCentroids(MethodConformance):
    name = "static-centroids"
    settings = {
        "sampler": {"clusters_per_batch": 4, "images_per_cluster": 4},
        "clustering": {"eps": "auto", "jaccard": {"k1": 8, "k2": 3}},
    }
"""


@pytest.fixture
def registered(monkeypatch):
    """Undoes what a plug-in registers in this process."""
    monkeypatch.setenv(PLUGINS, "")
    yield
    METHODS.pop(NAME, None)
    sys.modules.pop(f"reseen_plugin_{EXAMPLE.stem}", None)


def test_a_plugin_trains_by_the_command_line_and_resumes(
    registered, crowd, tiny_flags, tmp_path, monkeypatch, capsys
):
    train = ["train", str(RECIPE), "--plugin", str(EXAMPLE), "--quiet", "--data", str(crowd), *tiny_flags]
    assert main([*train, "--out", str(tmp_path / "whole")]) == 0
    train_round = loop.train_round

    def stopped_in_round_two(training, plan, number, view):
        if number == 2:
            raise KeyboardInterrupt
        return train_round(training, plan, number, view)

    monkeypatch.setattr(loop, "train_round", stopped_in_round_two)
    assert main([*train, "--out", str(tmp_path / "cut")]) == 130
    monkeypatch.setattr(loop, "train_round", train_round)
    assert main([*train, "--out", str(tmp_path / "cut"), "--resume"]) == 0
    files = [open_run(tmp_path / name).folder / "checkpoint.safetensors" for name in ("whole", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()
    evaluated = main(["evaluate", str(tmp_path / "cut"), "--plugin", str(EXAMPLE), "--data", str(crowd)])
    assert evaluated == 0, capsys.readouterr().err


def test_a_run_of_an_unknown_method_says_how_to_name_it(registered, crowd, tiny_flags, tmp_path, capsys):
    train = ["train", str(RECIPE), "--plugin", str(EXAMPLE), "--quiet", "--data", str(crowd), *tiny_flags]
    assert main([*train, "--out", str(tmp_path / "run")]) == 0
    METHODS.pop(NAME)
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "run"), "--data", str(crowd)]) == 2
    line = capsys.readouterr().err
    assert f"no method '{NAME}'" in line
    assert "--plugin" in line


def test_an_installed_package_passes_the_conformance_suite(tmp_path):
    """What pip leaves of a package: its module, and a folder that names its entry points."""
    site = tmp_path / "site"
    info = site / "static_centroids-0.1.dist-info"
    info.mkdir(parents=True)
    module = EXAMPLE.read_text(encoding="utf-8").replace(
        'METHODS.register("static-centroids", RegisteredMethod(', "METHOD = (RegisteredMethod("
    )
    (site / "static_centroids.py").write_text(module, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: static-centroids\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[reseen.methods]\nstatic-centroids = static_centroids:METHOD\n")
    (tmp_path / "test_suite.py").write_text(SUITE)
    path = os.pathsep.join([str(site), *(str(Path(entry).absolute()) for entry in sys.path)])
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "OMP_NUM_THREADS": "1",
        "RESEEN_CACHE": str(tmp_path / "cache"),
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        "test_suite.py",
    ]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout

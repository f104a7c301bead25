import os
import subprocess
import sys
import tomllib

from tests.house.source import PROJECT

ORDER = [
    "cli",
    "annotations",
    "viewer | plan | testing | video",
    "gallery",
    "export",
    "tasks",
    "training",
    "features",
    "runs",
    "distributed",
    "methods",
    "pages",
    "losses | memory | cluster | evaluate | audit",
    "datasets | synthetic",
    "exported",
    "neighbors | models | data",
    "locks | compiled | camera_means",
    "geometry | config | files | environment | optional_dependencies | registry | user_folders",
    "reading | startup_line | text | validation_messages",
    "records | errors | conditions",
]


def test_the_contract_is_the_plan():
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [contract for contract in contracts if contract["type"] == "layers"]
    assert [contract["layers"] for contract in layers] == [ORDER]
    assert layers[0]["exhaustive"] is True
    assert not any("ignore_imports" in contract for contract in contracts)


def test_no_lower_layer_sees_a_higher_one():
    script = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr

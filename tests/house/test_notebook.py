"""The notebook runs from top to bottom, and shows what its text says."""

import json

import nbformat
from nbclient import NotebookClient
from tests.house.source import PROJECT
from tests.limits import HANG_SECONDS

FILE = PROJECT / "examples" / "whole_way.ipynb"


def test_it_is_valid_and_holds_no_output():
    notebook = nbformat.read(FILE, as_version=4)
    nbformat.validate(notebook)
    assert not [cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]
    assert json.loads(FILE.read_text())["metadata"]["kernelspec"]["name"] == "python3"


def test_it_runs(tmp_path):
    notebook = nbformat.read(FILE, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=HANG_SECONDS, kernel_name="python3", resources=resources).execute()
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()) if output
    )
    for words in ("round 3:", "mAP ", "1.00  c", "cosine with PyTorch 1.0", "clusters in people.json"):
        assert words in printed
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ()) if "data" in output]
    assert any(output["data"].get("text/html", "").count("<img") == 6 for output in shown)
    assert (tmp_path / "notebook-files" / "person.onnx").is_file()

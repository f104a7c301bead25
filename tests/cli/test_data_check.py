import json

import pytest

from reseen.cli.data_check import check
from reseen.errors import StorageError


def test_output_and_json(make_images, tmp_path, capsys):
    root = make_images("door/[1].jpg", "yard/2.jpg", "yard/3.png")
    (root / "yard/3.png").write_text("broken")
    check(root, json=tmp_path / "report.json")
    printed = capsys.readouterr().out
    assert "Folder of images, 3 crops, no cameras" in printed
    assert "try the camera pattern '{camera}/{*}'" in " ".join(printed.split())
    assert "! 1 unreadable files\n    yard/3.png: not an image" in printed
    assert "✓ no groups of files with the same bytes" in printed
    assert json.loads((tmp_path / "report.json").read_text())["splits"]["train"]["images"] == 3


def test_file_names_never_break_the_output(make_images, capsys):
    root = make_images("1.png")
    (root / "[red]odd\udcff\n.jpg").write_text("broken")
    check(root)
    assert "[red]odd??.jpg: not an image" in capsys.readouterr().out


def test_unwritable_report(make_images, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="cannot be written"):
        check(make_images("1.jpg"), json=tmp_path / "folder")

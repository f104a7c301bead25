import json

import pytest
from tests.datasets.trees import plant

from reseen.cli.data_check import check
from reseen.datasets import Layout
from reseen.errors import SettingsError, StorageError


def test_output_and_json(make_images, tmp_path, capsys):
    root = make_images("door/[1].jpg", "yard/2.jpg", "yard/3.png")
    (root / "yard/3.png").write_text("broken")
    check(root, json=tmp_path / "report.json")
    printed = capsys.readouterr().out
    assert "Folder of images, 3 crops, no cameras" in printed
    assert "try the camera pattern '{camera}/{*}'" in " ".join(printed.split())
    assert "! 1 unreadable file\n    yard/3.png: not an image" in printed
    assert "✓ no groups of files with the same bytes" in printed
    assert json.loads((tmp_path / "report.json").read_text())["splits"]["train"]["images"] == 3


def test_file_names_never_break_the_output(make_images, capsys):
    root = make_images("1.png")
    (root / "[red]odd\udcff\n.jpg").write_text("broken")
    check(root)
    assert "[red]odd\\xff\\n.jpg: not an image" in capsys.readouterr().out


def test_unwritable_report(make_images, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="cannot be written"):
        check(make_images("1.jpg"), json=tmp_path / "folder")


def test_page_with_crops_of_every_camera_and_split(crowd, tmp_path, capsys):
    check(crowd, html=tmp_path / "sheet.html", json=tmp_path / "report.json")
    assert f"Page written to {tmp_path / 'sheet.html'}" in capsys.readouterr().out.replace("\n", " ")
    page = (tmp_path / "sheet.html").read_text()
    for words in (
        "Split train",
        "Split query",
        "Split gallery",
        "Cameras in train",
        "Crops per person in gallery",
    ):
        assert words in page
    assert page.count("Camera c1") == 3
    assert "http" not in page.replace("http://www.w3.org", "")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["title"] == "Market-1501"
    assert {finding["verdict"] for finding in report["findings"]} == {"fine", "look"}


def test_page_shows_files_with_the_same_bytes_and_survives_odd_names(make_images, tmp_path):
    root = make_images("a/1.jpg", "b/[2].jpg")
    (root / "b/<3>\udcff.jpg").write_bytes((root / "a/1.jpg").read_bytes())
    check(root, camera_pattern="{camera}/{*}", html=tmp_path / "sheet.html")
    page = (tmp_path / "sheet.html").read_text()
    assert "Same bytes" in page
    assert "&lt;3&gt;" in page
    assert "<3>" not in page


def test_variant_and_layout_are_taken(tmp_path, capsys):
    root = plant(tmp_path, Layout.MSMT17)
    check(root, variant="train")
    assert "MSMT17 V1 layout, train without val, 2 crops for training" in " ".join(
        capsys.readouterr().out.split()
    )
    with pytest.raises(SettingsError, match="no layout 'msmt71'; did you mean 'msmt17'"):
        check(root, layout="msmt71")


def test_a_withdrawn_set_is_said_to_be(tmp_path, capsys):
    check(plant(tmp_path, Layout.DUKE))
    assert "withdrawn by its authors in 2019" in " ".join(capsys.readouterr().out.split())

"""Search and deletion by a gallery's address: what the commands print is what the functions return."""

import json

import pytest

import reseen
from reseen.cli import main
from reseen.datasets import read_training
from reseen.errors import SettingsError
from reseen.gallery.forget_crops import ForgetSettings
from reseen.gallery.search_gallery import GallerySearchSettings


@pytest.fixture
def run(untrained_run):
    return untrained_run


@pytest.fixture
def gallery(run, crowd, tmp_path, monkeypatch):
    """The address of a gallery of the crowd."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    reseen.index_run(run, crowd, tmp_path / "gallery", quiet=True)
    return str(tmp_path / "gallery")


def test_search_returns_what_the_command_writes(gallery, crowd, tmp_path):
    images = [crowd / path for path in read_training(crowd).paths[:2]]
    out, page = tmp_path / "found.json", tmp_path / "page.html"
    flags = ["--top", "4", "--camera", "c1", "--json", str(out), "--sheet", str(page), "--no-pictures"]
    assert main(["search", gallery, *map(str, images), *flags]) == 0
    found = reseen.search_gallery(gallery, images, GallerySearchSettings(top=4, cameras=["c1"]))
    assert found.page is None
    written = json.loads(out.read_text())["searches"]
    assert [[answer["key"] for answer in search["answers"]] for search in written] == [
        [match.entry.key for match in results.matches] for results in found.searches
    ]
    assert {match.entry.camera for results in found.searches for match in results.matches} == {"c1"}
    assert found.calibration
    both = reseen.search_gallery(
        gallery, images, GallerySearchSettings(together=True), page=tmp_path / "both.html"
    )
    assert len(both.searches) == 1
    assert both.page == tmp_path / "both.html"
    assert both.page.is_file()


def test_wrong_searches_are_said(gallery, crowd):
    with pytest.raises(SettingsError, match="no query image"):
        reseen.search_gallery(gallery, [])
    with pytest.raises(SettingsError, match="at least 1, got 0"):
        reseen.search_gallery(gallery, [crowd / read_training(crowd).paths[0]], GallerySearchSettings(top=0))


def test_a_dry_run_says_what_a_deletion_then_does(gallery, tmp_path):
    said: list[str] = []
    settings = ForgetSettings(cameras=["c2"])
    files = tmp_path / "files.txt"
    dry = reseen.forget_crops(gallery, settings, dry_run=True, page=tmp_path / "page.html", say=said.append)
    assert dry.result.dry_run
    assert dry.page is None  # a selection by camera alone has nothing to compare
    assert not said
    done = reseen.forget_crops(gallery, settings, dry_run=False, files=files, say=said.append)
    assert done.result.files == dry.result.files
    assert files.read_text().splitlines() == list(done.result.files)
    assert said == [f"Paths of the image files written to {files}"]
    with reseen.open_gallery(gallery) as opened:
        assert list(opened.store.describe().cameras) == ["c1", "c3"]
    again = reseen.forget_crops(gallery, ForgetSettings(before=0.0), dry_run=True)
    assert not again.result.entries


def test_a_selection_by_image_writes_a_page(gallery, tmp_path):
    with reseen.open_gallery(gallery) as opened:
        image = next(entry.image for part in opened.store.scan() for entry in part.entries)
    page = tmp_path / "page.html"
    dry = reseen.forget_crops(gallery, ForgetSettings(images=[image]), dry_run=True, page=page)
    assert dry.page == page
    assert image in page.read_text()

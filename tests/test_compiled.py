"""Where machine code is kept."""

import os
from pathlib import Path

import pytest
from numba import config
from numba.core import caching

from reseen.compiled import cache_path, compiled
from reseen.tasks.doctor import diagnose


def add(first, second):
    return first + second


@pytest.fixture
def read_only(monkeypatch):
    """Neither beside the source nor in the user's caches anything can be written, as root too."""
    ensure = caching._CacheLocator.ensure_cache_path

    def only_where_told(locator):
        if not isinstance(locator, caching.UserProvidedCacheLocator):
            raise PermissionError(13, "Permission denied")
        ensure(locator)

    monkeypatch.setattr(caching._CacheLocator, "ensure_cache_path", only_where_told)


def test_beside_the_source():
    function = compiled()(add)
    assert function(1, 2) == 3
    assert cache_path(function) == Path(__file__).parent / "__pycache__"


def test_in_reseens_cache_where_nothing_else_can_be_written(read_only, monkeypatch, tmp_path):
    monkeypatch.setenv("RESEEN_CACHE", str(tmp_path / "cache"))
    function = compiled()(add)
    assert function(1, 2) == 3
    place = cache_path(function)
    assert place.parent == tmp_path / "cache" / "numba"
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert any(place.iterdir())
    assert config.CACHE_DIR == ""


def test_a_full_disk_is_no_reason_to_stop(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    function = compiled()(add)
    monkeypatch.setattr(caching.IndexDataCacheFile, "save", full)
    monkeypatch.setattr(caching.IndexDataCacheFile, "load", lambda *_: None)
    assert function(1.5, 2.5) == 4.0


def test_nowhere_if_need_be(read_only, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RESEEN_CACHE", str(tmp_path / "file"))
    function = compiled()(add)
    assert function(1, 2) == 3
    assert cache_path(function) is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="about permissions")
def test_never_where_others_can_write(read_only, monkeypatch, tmp_path):
    """What is kept are pickles, which run code when they are read."""
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba").chmod(0o777)
    monkeypatch.setenv("RESEEN_CACHE", str(tmp_path))
    assert cache_path(compiled()(add)) is None
    assert list((tmp_path / "numba").iterdir()) == []


def test_the_doctor_says_which(monkeypatch):
    found = {finding.name: finding for finding in diagnose()}["compiled loops"]
    assert (found.state, found.value.startswith("kept in ")) == ("ok", True)
    monkeypatch.setattr("reseen.compiled.cache_path", lambda function: None)
    found = {finding.name: finding for finding in diagnose()}["compiled loops"]
    assert (found.state, found.value) == ("slow", "not kept")
    assert "RESEEN_CACHE" in found.advice

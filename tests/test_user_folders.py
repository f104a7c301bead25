"""The user's own folders, also for a user that has no home."""

import os
import tempfile
from pathlib import Path

import pytest

from reseen import user_folders
from reseen.errors import StorageError
from reseen.user_folders import cache_base, is_private, state_base


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """No variable says where, and the system does not know this user."""
    for name in ("HOME", "RESEEN_CACHE", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(_=None):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(user_folders.Path, "home", unknown)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_variables_go_first(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("RESEEN_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert cache_base() == Path("/home/somebody/.cache/reseen")
    assert state_base() == Path("/home/somebody/.local/state/reseen")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert (cache_base(), state_base()) == (Path("/caches/reseen"), Path("/state/reseen"))
    monkeypatch.setenv("RESEEN_CACHE", "~/mine")
    assert cache_base() == Path("/home/somebody/mine")


def test_without_a_home_caches_are_in_a_folder_of_this_user_alone(homeless, tmp_path):
    folder = cache_base()
    assert folder == cache_base() == tmp_path / f"reseen-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(StorageError, match="set XDG_STATE_HOME"):
        state_base()


def test_a_folder_that_others_may_write_is_not_taken(homeless, tmp_path):
    folder = tmp_path / f"reseen-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    assert cache_base() != folder
    assert is_private(cache_base())
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    assert cache_base() != folder

"""Conditions as people type them."""

import pytest

from reseen.errors import SettingsError
from reseen.gallery.filter import parse_filter


def test_a_camera_may_be_typed_as_it_was_written():
    """Readers call the camera `1` of a manifest `c1`; who wrote 1 may ask for 1."""
    for typed in ("1", "c1", "01", "c01", "1.0"):
        assert parse_filter([typed], None, None, None, ["c1", "gate", None]).cameras == ("c1",)
    assert parse_filter(["gate"], None, None, None, ["c1", "gate"]).cameras == ("gate",)
    assert parse_filter(None, None, None, None, ["c1"]).cameras is None
    with pytest.raises(SettingsError, match="no camera 'c2' in this gallery"):
        parse_filter(["2"], None, None, None, ["c1"])

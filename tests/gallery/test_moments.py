import pytest

from reseen.errors import SettingsError
from reseen.gallery.moments import format_moment, parse_moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("12.5", 12.5), ("1970-01-01T00:01", 60), ("1970-01-01T01:00+01:00", 0), ("1970-01-02", 86400)],
)
def test_numbers_and_dates(text, seconds):
    assert parse_moment(text) == seconds


def test_another_text_is_refused():
    with pytest.raises(SettingsError, match="give seconds"):
        parse_moment("yesterday")


def test_moments_to_read():
    assert format_moment(None) == ""
    assert format_moment(12.25) == "12.2 s"
    assert format_moment(parse_moment("2026-05-01T14:30")) == "2026-05-01 14:30:00"

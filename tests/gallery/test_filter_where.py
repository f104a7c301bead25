from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.gallery.conftest import draw

from reseen.errors import SettingsError
from reseen.gallery.filter import Filter
from reseen.gallery.stores.memory import MemoryStore


@pytest.mark.parametrize(
    "moment", ["2026-05-01", "2026-05-01T02:00+02:00", datetime(2026, 5, 1), datetime(2026, 5, 1, tzinfo=UTC)]
)
def test_a_time_may_be_text_or_a_datetime(moment):
    where = Filter(before=moment)
    assert where.window == (None, 1777593600.0)
    assert where.by_date
    entry = replace(draw(1).entries[0], time=1777593599.0)
    assert where.matches(entry)
    assert not where.matches(replace(entry, time=1777593600.0))
    assert not where.matches(replace(entry, time=None))


def test_seconds_may_be_text_too():
    assert Filter(after="12.5", before=20).window == (12.5, 20.0)
    assert not Filter(after="12.5", before=20).by_date


@pytest.mark.parametrize("text", ["noon", "", "nan", "inf", "2026-13-01"])
def test_a_text_that_is_no_time_is_refused_at_once(text):
    with pytest.raises(SettingsError, match="give seconds such as"):
        Filter(after=text)


def test_stores_understand_a_date(model):
    store = MemoryStore(model)
    store.add(draw(10))
    assert (
        sum(len(part) for part in store.scan(Filter(before="1970-01-01T00:16:45"))) == 4
    )  # to 1004 s, and one undated

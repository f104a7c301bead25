import pytest
from starlette.datastructures import QueryParams

from reseen.errors import SettingsError
from reseen.gallery.filter import Filter
from reseen.viewer.search import SearchRequest, read_search_request
from reseen.viewer.viewer import Viewer


@pytest.fixture
def snapshot(gallery):
    return Viewer(gallery).snapshot


def test_fields_become_conditions(snapshot):
    key, camera = snapshot.collection.keys[0], snapshot.collection.camera_names[1]
    query = read_search_request(
        QueryParams([
            ("key", key), ("camera", camera), ("camera", camera), ("elsewhere", "1"), ("after", "12.5"),
            ("before", "1970-01-01T00:01"), ("cluster", " -1 "), ("group", "1"), ("top", "7"),
        ]),
        snapshot,
    )  # fmt: skip
    assert query == SearchRequest(key, (camera,), True, "12.5", "1970-01-01T00:01", -1, True, False, 7)
    entry = snapshot.collection.entries[0]
    assert query.to_filter(entry) == Filter(
        cameras=(camera,), not_cameras=(entry.camera,), after=12.5, before=60.0, clusters=(-1,)
    )
    assert query.to_filter(None).not_cameras is None


def test_nothing_asked_is_everything(snapshot):
    assert read_search_request(QueryParams(""), snapshot) == SearchRequest()
    assert SearchRequest().to_filter(None).everything


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("key=../../etc/passwd", "not in this gallery"),
        ("camera=%3Cb%3E", "camera '<b>' is not in this gallery"),
        ("cluster=first", "expected an integer, got 'first'"),
        ("cluster=99999999999999999999", "expected an integer"),
        ("top=0", "from 1 to 500"),
        ("top=501", "from 1 to 500"),
        ("top=1e3", "expected an integer"),
    ],
)
def test_what_does_not_fit_is_said(snapshot, fields, words):
    with pytest.raises(SettingsError, match=words.replace("(", r"\(")):
        read_search_request(QueryParams(fields), snapshot)


@pytest.mark.parametrize(
    ("after", "before", "words"),
    [("soon", "", "give seconds"), ("9", "3", "ends before it begins"), ("5", "5", "ends")],
)
def test_a_window_must_be_one(after, before, words):
    with pytest.raises(SettingsError, match=words):
        SearchRequest(after=after, before=before).to_filter(None)

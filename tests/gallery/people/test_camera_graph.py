"""Neighboring cameras and travel times: read, checked, learned, and what they rule out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gallery.people.conftest import crops_of

from reseen.errors import GalleryError, SettingsError
from reseen.gallery.people.camera_graph import FEWEST_WALKS, CameraGraph, TimedSighting
from reseen.gallery.people.members import Member, Person

CAMERAS = ["c1", "c2", "c3", None]
GRAPH = CameraGraph({frozenset({"c1", "c2"}): (20.0, 120.0), frozenset({"c2", "c3"}): (0.0, 5.0)})


def read(tmp_path, text, cameras=CAMERAS):
    (tmp_path / "cameras.yaml").write_text(text)
    return CameraGraph.read(tmp_path / "cameras.yaml", cameras)


def test_a_file_is_read_and_written_again(tmp_path):
    graph = read(
        tmp_path,
        "neighbors:\n- {cameras: [c1, c2], seconds: [20, 120]}\n- {cameras: [c3, c2], seconds: [0, 5.5]}\n"
        "anywhere_after: 3600\n",
    )
    assert graph.walks == {frozenset({"c1", "c2"}): (20, 120), frozenset({"c2", "c3"}): (0, 5.5)}
    assert graph.anywhere_after == 3600
    assert CameraGraph.read(graph.write(tmp_path / "again.yaml"), CAMERAS) == graph


def test_numbers_are_names_of_cameras(tmp_path):
    graph = read(tmp_path, "neighbors: [{cameras: [1, 2], seconds: [1, 2]}]", ["c1", "c2"])
    assert list(graph.walks) == [frozenset({"c1", "c2"})]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "neighbors: [{cameras: [c1, c9], seconds: [1, 2]}]",
            r"no camera 'c9' in this gallery; (did you mean|it has)",
        ),
        ("neighbors: [{cameras: [c1, c2], seconds: [5, 2]}]", "the least, from 0, and then the most"),
        ("neighbors: [{cameras: [c1, c2], seconds: [-5, 2]}]", "the least, from 0"),
        ("neighbors: [{cameras: [c1, c1], seconds: [5, 20]}]", "needs two cameras"),
        (
            "neighbors: [{cameras: [c1, c2], seconds: [1, 2]}, {cameras: [c2, c1], seconds: [1, 2]}]",
            "is listed twice",
        ),
        ("neighbors: [{cameras: [c1], seconds: [5, 20]}]", "an entry reads"),
        ("neighbors: []", "an entry reads"),
        ("neighbours: []", "neighbors: Field required"),
        ("neighbors: [{cameras: [c1, c2], seconds: [1, .nan]}]", "an entry reads"),
        ("neighbors: [{cameras: [c1, c2], seconds: [1, 2]}]\nanywhere_after: -1", "from 0"),
        ("- c1", "a file of cameras is a mapping"),
        ("neighbors: [", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, text, words):
    with pytest.raises(SettingsError, match=words) as problem:
        read(tmp_path, text)
    assert "cameras.yaml" in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"cameras\.yaml: cannot be read as a file of cameras"):
        CameraGraph.read(tmp_path / "cameras.yaml", CAMERAS)


@pytest.mark.parametrize(
    ("camera", "first", "possible"),
    [
        ("c1", 11, True), ("c2", 15, False), ("c2", 30, True), ("c2", 130, True), ("c2", 131, False),
        ("c3", 30, False), ("c2", 5, False), ("c1", 5, True), (None, 5, True),
    ],
)  # fmt: skip
def test_walks_take_their_time(camera, first, possible):
    seen = [TimedSighting("c1", 0, 10)]
    assert GRAPH.allows(seen, TimedSighting(camera, first, first + 1)) is possible


def test_overlapping_cameras_may_see_somebody_at_once():
    seen = [TimedSighting("c2", 0, 10)]
    assert GRAPH.allows(seen, TimedSighting("c3", 5, 12))
    assert not GRAPH.allows(seen, TimedSighting("c1", 5, 12))


def test_both_sides_in_time_must_fit():
    seen = [TimedSighting("c1", 0, 10), TimedSighting("c1", 100, 110)]
    assert GRAPH.allows(seen, TimedSighting("c2", 40, 60))
    assert not GRAPH.allows(seen, TimedSighting("c2", 40, 90))


def test_after_a_while_somebody_may_be_anywhere():
    graph = CameraGraph(GRAPH.walks, anywhere_after=1000.0)
    assert not graph.allows([TimedSighting("c1", 0, 0)], TimedSighting("c3", 999, 999))
    assert graph.allows([TimedSighting("c1", 0, 0)], TimedSighting("c3", 1000, 1000))


moments = st.tuples(st.sampled_from(["c1", "c2", "c3"]), st.integers(0, 300), st.integers(0, 20)).map(
    lambda one: TimedSighting(one[0], float(one[1]), float(one[1] + one[2]))
)


def test_all_of_several_equally_near_sightings_decide():
    near, impossible = TimedSighting("c2", 0, 0), TimedSighting("c3", 0, 0)
    new = TimedSighting("c1", 60, 60)
    assert GRAPH.allows([near], new)
    assert not GRAPH.allows([near, impossible], new)
    assert not GRAPH.allows([impossible, near], new)


@given(st.lists(moments, max_size=5), moments)
def test_the_order_of_sightings_does_not_matter(seen, new):
    assert GRAPH.allows(seen, new) is GRAPH.allows(seen[::-1], new)


@given(moments, moments)
def test_the_rule_is_the_same_forwards_and_backwards(one, other):
    assert GRAPH.allows([one], other) is GRAPH.allows([other], one)


def walkers(gaps):
    """A person for each gap, who walks from one camera to the other in as many seconds."""
    people = []
    for number, gap in enumerate(gaps, start=1):
        first, second = crops_of(0, 4, start=1000 * number), crops_of(1, 4, start=1003 * number)
        arrival = 1000 * number + 3 + gap
        later = [type(e)(e.source, e.image, b"", e.camera, arrival + place, e.tracklet) for place, e in
                 enumerate(second.entries)]  # fmt: skip
        members = tuple(Member(entry, "person", None) for entry in (*first.entries, *later))
        people.append(Person(number, None, members))
    return people


def test_travel_times_are_learned_without_the_rarest():
    gaps = [30 + number % 40 for number in range(200)]
    graph = CameraGraph.learn(walkers(gaps), 600)
    assert graph.anywhere_after == 600
    ((least, most),) = graph.walks.values()
    assert 30 <= least < 32
    assert 67 < most <= 69
    wrong = CameraGraph.learn(walkers([0.0, *gaps]))
    assert next(iter(wrong.walks.values()))[0] >= 30


def test_few_walks_teach_nothing():
    with pytest.raises(GalleryError, match=f"{FEWEST_WALKS} walks.*at most {FEWEST_WALKS - 1}"):
        CameraGraph.learn(walkers([30] * (FEWEST_WALKS - 1)))
    assert CameraGraph.learn(walkers([30] * FEWEST_WALKS)).walks

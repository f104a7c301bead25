from hypothesis import given
from hypothesis import strategies as st

from reseen.gallery.entries import Entry
from reseen.gallery.people.members import Member, Person, by_time
from reseen.viewer.person_rows import MOST_POINTS, evenly_spaced, rows_of_person, timeline_of_rows

crops = st.lists(
    st.tuples(
        st.sampled_from(["c1", "c2", None]),
        st.one_of(st.none(), st.integers(0, 3)),
        st.one_of(st.none(), st.integers(0, 50)),
    ),
    max_size=20,
)


def person(crops):
    members = [
        Member(Entry("/crops", f"{number}.jpg", camera=camera, tracklet=tracklet, time=time), "cluster", 0.5)
        for number, (camera, tracklet, time) in enumerate(crops)
    ]
    return Person(1, None, tuple(sorted(members, key=by_time)))


@given(crops)
def test_every_crop_is_in_one_row_and_a_tracklet_is_one(crops):
    somebody = person(crops)
    rows = rows_of_person(somebody)
    assert sorted(member.key for row in rows for member in row.members) == sorted(somebody.keys)
    tracklets = [row.tracklet for row in rows if row.tracklet is not None]
    assert len(tracklets) == len(set(tracklets))
    assert all({member.entry.tracklet for member in row.members} == {row.tracklet} for row in rows)
    alone = [row for row in rows if row.tracklet is None]
    assert all({member.entry.camera for member in row.members} == {row.camera} for row in alone)
    assert len({row.key for row in rows}) == len(rows)


def test_crops_without_a_tracklet_are_in_a_row_until_another_camera():
    rows = rows_of_person(person([("c1", None, 1), ("c1", None, 2), ("c2", None, 3), ("c1", None, 4)]))
    assert [(row.camera, len(row.members), row.first, row.last) for row in rows] == [
        ("c1", 2, 1, 2),
        ("c2", 1, 3, 3),
        ("c1", 1, 4, 4),
    ]


def test_a_point_leads_to_the_page_and_the_row():
    rows = rows_of_person(person([("c1", number, 10 * number) for number in range(5)]))
    line = timeline_of_rows(rows, "/people/1", 2)
    assert [one.url for row in line.rows for one in row.sightings] == [
        f"/people/1?page={page}#row-{row.key}" for page, row in zip((1, 1, 2, 2, 3), rows, strict=True)
    ]


def test_a_person_of_many_rows_has_a_part_of_them_on_the_timeline():
    rows = rows_of_person(person([("c1", number, number) for number in range(3 * MOST_POINTS)]))
    line = timeline_of_rows(rows, "/people/1", 30)
    assert sum(len(row.sightings) for row in line.rows) == MOST_POINTS


@given(st.lists(st.integers(), max_size=30, unique=True), st.integers(2, 12))
def test_evenly_spaced_items_keep_order_first_and_last(items, most):
    found = evenly_spaced(items, most)
    assert len(found) == min(len(items), most)
    assert found == [item for item in items if item in found]
    if items:
        assert (found[0], found[-1]) == (items[0], items[-1])

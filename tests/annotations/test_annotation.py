import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.annotations.boxes import corners

from reseen.annotations.annotation import (
    AnnotatedImage,
    Annotation,
    MatchedAnnotations,
    match_annotations,
    name_people,
    overlap,
)
from reseen.errors import DataError

HALL = AnnotatedImage("hall/000003.jpg", recording="hall", frame=3)


def own(key, left=0, picture=HALL):
    return Annotation(picture, (left, 0, left + 40, 100), 1, key=key)


def drawn(left, key="", person="", track=7, picture=HALL):
    return Annotation(picture, (left, 0, left + 40, 100), track, person, key)


@settings(max_examples=80, deadline=None)
@given(first=corners(), second=corners())
def test_overlap_is_that_of_painted_pixels(first, second):
    """Counted on a grid of eighths of a pixel, by rows and columns that both boxes cover."""

    def both(low, high):
        return max(0, min(first[high], second[high]) - max(first[low], second[low]))

    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    shared = both(0, 2) * both(1, 3)
    assert overlap(first, second) == pytest.approx(shared / (sum(area) - shared))
    assert overlap(first, second) == overlap(second, first)
    assert overlap(first, first) == 1


def test_a_box_is_the_crop_that_it_covers_most():
    matched = match_annotations([own("a"), own("b", 30)], [drawn(27, person="Anna")])
    assert {key: box.person for key, box in matched.boxes.items()} == {"b": "Anna"}


def test_a_key_goes_before_the_place():
    matched = match_annotations([own("a"), own("b", 60)], [drawn(60, key="a")])
    assert list(matched.boxes) == ["a"]


def test_a_key_of_another_gallery_is_none():
    assert list(match_annotations([own("a")], [drawn(3, key="elsewhere")]).boxes) == ["a"]


def test_of_two_boxes_on_one_crop_the_better_one_counts():
    for boxes in ([drawn(2), drawn(12)], [drawn(12), drawn(2)]):
        matched = match_annotations([own("a")], boxes)
        assert matched.boxes["a"].corners[0] == 2
        assert matched.unmatched == 1


def test_boxes_elsewhere_are_counted_and_nothing_at_all_is_an_error():
    other = AnnotatedImage("hall/000004.jpg", recording="hall", frame=4)
    assert match_annotations([own("a")], [drawn(0), drawn(0, picture=other)]).unmatched == 1
    with pytest.raises(
        DataError, match=r"none of the 1 boxes is a crop of this gallery, such as a box on hall/000004"
    ):
        match_annotations([own("a")], [drawn(0, picture=other)])


def matched(**people):
    """Crops by key, with the name of their person, or with the number of their track."""
    boxes = {
        key: drawn(0, person=who) if isinstance(who, str) else drawn(0, track=who)
        for key, who in people.items()
    }
    return MatchedAnnotations(boxes, 0)


TITLES = {"Anna": 1, "person 2": 2}


def test_names_say_who_it_is():
    found = name_people(matched(a="ANNA", b="person 2", c="Bert", d="Anna"), {"d": 1, "a": 2}, TITLES)
    assert found == {"a": 1, "b": 2, "c": "Bert"}


def test_tracks_without_names_are_the_people_they_hold_most_of():
    """CVAT numbers tracks anew: 1 and 2 here have nothing to do with people 1 and 2."""
    current = {"a": 2, "b": 2, "c": 1, "d": 1}
    assert name_people(matched(a=1, b=1, c=2, d=2), current, TITLES) == {}
    assert name_people(matched(a=5, b=5, c=5, d=6), current, TITLES) == {"c": 2}


def test_a_track_that_was_split_off_is_somebody_new():
    current = dict.fromkeys("abc", 1)
    assert name_people(matched(a=1, b=1, c=2), current, TITLES) == {"c": "track 2"}


@settings(max_examples=60, deadline=None)
@given(tracks=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 3), min_size=1))
def test_tracks_as_they_are_change_nothing(tracks):
    assert name_people(matched(**tracks), {key: track + 10 for key, track in tracks.items()}, {}) == {}

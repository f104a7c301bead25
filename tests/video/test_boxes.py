import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reseen.video.boxes import Boxes, drop_duplicates, intersections
from reseen.video.motion import _merge_parts

SIDES = st.integers(1, 12)
BOXES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), SIDES, SIDES), max_size=7)


def corners_of(boxes):
    return np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], dtype=np.float64).reshape(-1, 4)


def cells(box):
    return {(x, y) for x in range(int(box[0]), int(box[2])) for y in range(int(box[1]), int(box[3]))}


@given(BOXES)
def test_intersections_count_cells(boxes):
    corners = corners_of(boxes)
    slow = [[len(cells(first) & cells(second)) for second in corners] for first in corners]
    assert intersections(corners).tolist() == slow


@given(
    BOXES,
    arrays(np.float64, 7, elements=st.sampled_from([0.2, 0.5, 0.9])),
    st.sampled_from([0.5, 0.8]),
    st.booleans(),
)
def test_a_double_is_what_a_better_box_covers(boxes, scores, share, scored):
    corners = corners_of(boxes)
    found = drop_duplicates(Boxes(corners, scores[: len(corners)]), share, scored)

    def rank(row):
        area = len(cells(corners[row]))
        return (-scores[row], -area) if scored else (-area, -scores[row])

    kept = []
    for row in sorted(range(len(corners)), key=rank):
        mine = cells(corners[row])
        if all(len(mine & cells(corners[o])) < share * min(len(mine), len(cells(corners[o]))) for o in kept):
            kept.append(row)
    assert found.corners.tolist() == corners[kept].tolist()
    assert found.scores.tolist() == scores[kept].tolist()


@given(BOXES)
def test_joined_boxes_hold_all_that_they_are_made_of(boxes):
    corners = corners_of(boxes)
    joined = _merge_parts(corners, 2.0)
    assert len(joined) <= len(corners)
    for box in corners:
        assert any((box[:2] >= other[:2]).all() and (box[2:] <= other[2:]).all() for other in joined)


def test_head_above_legs_is_one_person_and_neighbors_are_two():
    head, legs, neighbor = (10, 0, 20, 10), (9, 12, 21, 40), (30, 0, 40, 40)
    assert sorted(_merge_parts(np.array([head, legs, neighbor], dtype=float), 3).tolist()) == [
        [9, 0, 21, 40], [30, 0, 40, 40],
    ]  # fmt: skip

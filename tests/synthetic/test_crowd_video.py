"""The drawn crowd on video: the same for the same settings, with boxes around exactly what is drawn."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.errors import DataError, SettingsError
from reseen.synthetic import draw_crowd_video
from reseen.synthetic.crowd_video import TRUTH
from reseen.synthetic.drawn_frames import draw_frames
from reseen.synthetic.walk import CrowdVideoPlan, planned_walks

SMALL = {"seconds": 3, "height": 120, "width": 160, "progress": False}


def test_the_same_settings_give_the_same_videos_and_tracks(tmp_path):
    counts = [draw_crowd_video(tmp_path / name, people=3, cameras=2, seed=5, **SMALL) for name in "ab"]
    assert counts[0] == counts[1]
    for name in ("camera1.mp4", "camera2.mp4", f"{TRUTH}/camera1.txt", f"{TRUTH}/camera2.txt"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_crowd_is_kept_and_another_one_replaced(tmp_path):
    out = tmp_path / "videos"
    draw_crowd_video(out, people=2, cameras=1, **SMALL)
    before = (out / "camera1.mp4").stat().st_mtime_ns
    draw_crowd_video(out, people=2, cameras=1, **SMALL)
    assert (out / "camera1.mp4").stat().st_mtime_ns == before
    draw_crowd_video(out, people=3, cameras=2, **SMALL)
    assert json.loads((out / "crowd-video.json").read_text())["plan"]["people"] == 3
    assert not [path for path in tmp_path.iterdir() if path.name != "videos"]


def test_other_content_is_not_overwritten(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match=r"found 'letter\.txt'"):
        draw_crowd_video(tmp_path, people=1, cameras=1, **SMALL)


@pytest.mark.parametrize(
    ("name", "value"), [("people", 0), ("cameras", 100), ("seconds", 0.5), ("frame_rate", 1), ("height", 121)]
)
def test_settings_out_of_range_are_named(tmp_path, name, value):
    with pytest.raises(SettingsError, match=name):
        draw_crowd_video(tmp_path / "out", **{"people": 1, "cameras": 1, **SMALL, name: value})


def test_tracks_are_the_boxes_of_the_frames_and_everyone_is_seen(tmp_path):
    counts = draw_crowd_video(tmp_path / "out", people=4, cameras=2, seed=1, **SMALL)
    plan = CrowdVideoPlan(4, 2, 1, 3, 10, 120, 160)
    lines = 0
    for camera in (1, 2):
        rows = np.loadtxt(tmp_path / "out" / TRUTH / f"camera{camera}.txt", delimiter=",", ndmin=2)
        lines += len(rows)
        assert set(rows[:, 1]) == {1, 2, 3, 4}
        for number, frame in enumerate(draw_frames(plan, camera), start=1):
            mine = rows[rows[:, 0] == number]
            assert mine[:, 1].tolist() == sorted(drawn.person for drawn in frame.people)
            for row in mine:
                box = next(drawn.box for drawn in frame.people if drawn.person == row[1])
                assert np.allclose(row[2:6], [box[0], box[1], box[2] - box[0], box[3] - box[1]], atol=0.051)
    assert counts.boxes == lines
    assert counts.frames == 60


def test_a_box_holds_all_that_is_drawn_of_a_person():
    """A frame with one person differs from the empty scene inside of the box, and touches all of its sides."""
    plan = CrowdVideoPlan(1, 1, 2, 3, 10, 120, 160)
    frames = list(draw_frames(plan, 1))
    walk = next(planned_walks(plan, 1))
    for number in range(walk.start + 10, walk.start + walk.frames - 10, 5):
        left, top, right, bottom = frames[number].people[0].box
        others = np.median(np.stack([frame.pixels for frame in frames[::2]]).astype(float), axis=0)
        changed = np.abs(frames[number].pixels - others).max(axis=2) > 60
        changed[round(bottom) - 6 :] = False  # shadows lie on the ground, outside of the box
        rows, columns = np.nonzero(changed)
        assert len(rows) > 50
        assert left - 2 <= columns.min()
        assert columns.max() <= right + 1
        assert top - 2 <= rows.min() <= top + 6


def test_visibility_is_the_share_that_nobody_nearer_covers():
    plan = CrowdVideoPlan(12, 1, 3, 4, 5, 120, 160)
    for frame in draw_frames(plan, 1):
        for place, drawn in enumerate(frame.people):
            left, top, right, bottom = (round(2 * side) for side in drawn.box)
            cells = [(x, y) for x in range(left, right) for y in range(top, bottom)]
            free = sum(
                not any(
                    round(2 * other.box[0]) <= x < round(2 * other.box[2])
                    and round(2 * other.box[1]) <= y < round(2 * other.box[3])
                    for other in frame.people[place + 1 :]
                )
                for x, y in cells[::7]
            )
            assert drawn.visibility == pytest.approx(free / len(cells[::7]), abs=0.08)


@settings(max_examples=30)
@given(st.integers(1, 20), st.integers(0, 2**40), st.floats(1, 30), st.integers(2, 30))
def test_everyone_walks_from_one_side_to_the_other_within_the_video(people, seed, seconds, rate):
    plan = CrowdVideoPlan(people, 1, seed, seconds, rate)
    walks = list(planned_walks(plan, 1))
    assert sorted(walk.person for walk in walks) == list(range(1, people + 1))
    assert [walk.feet for walk in walks] == sorted(
        walk.feet for walk in walks
    )  # the farthest are drawn first
    for walk in walks:
        assert walk.start >= 0
        assert walk.start + walk.frames <= plan.frames + 1
        places = [walk.position(number) for number in range(walk.start, walk.start + walk.frames)]
        across = [place[0] for place in places if place is not None]
        assert len(across) == walk.frames
        assert across == sorted(across, reverse=not walk.rightward)
        assert walk.position(walk.start - 1) is None
        assert walk.position(walk.start + walk.frames) is None

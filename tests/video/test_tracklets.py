"""Crops of a tracklet: the sharpest of every window, spread over all of it, never more than wanted."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.data.decode import decode
from reseen.video.boxes import Boxes
from reseen.video.frames import Frame
from reseen.video.settings import CropSettings, ImageSettings
from reseen.video.tracklets import TrackCrop, Tracklet, TrackletCollector, crop_box


def crop(time, sharpness):
    return TrackCrop(b"", round(time * 10), time, (0, 0, 1, 1), 1.0, sharpness)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 50)), min_size=1, max_size=80), st.integers(2, 10)
)
def test_from_each_window_the_sharpest_stays(steps, most):
    """Windows may have doubled; in each of the final length the sharpest crop of all is kept, the first of equals."""
    times = np.cumsum([step for step, _ in steps]) / 10
    tracklet = Tracklet(1, times[0], times[-1], window=0.5)
    for time, (_, sharpness) in zip(times, steps, strict=True):
        tracklet.add(crop(time, sharpness), most)
    assert len(tracklet.crops) <= most
    doublings = np.log2(tracklet.window / 0.5)
    assert doublings == round(doublings)
    best = {}
    for time, (_, sharpness) in zip(times, steps, strict=True):
        place = int((time - times[0]) / tracklet.window)
        if place not in best or sharpness > best[place].sharpness:
            best[place] = crop(time, sharpness)
    assert tracklet.crops == list(best.values())


def collect(tracks, **changes):
    """Feed frames given as mappings from track to box; all tracklets and the collector."""
    settings = CropSettings.parse(
        {"thin": {"seconds": 0.2, "fewest_frames": 2, "height": 20, **changes}}, "the test"
    )
    collector, found = TrackletCollector(settings), []
    generator = np.random.default_rng(0)
    for number, boxes in enumerate(tracks):
        pixels = generator.integers(0, 256, (100, 120, 3), dtype=np.uint8)
        corners = np.array(list(boxes.values()), dtype=np.float64).reshape(-1, 4)
        frame = Frame(number, number / 10, pixels)
        numbers = np.array(list(boxes), dtype=np.int64)
        found += collector.add(frame, Boxes(corners, np.full(len(corners), 0.5), numbers))
    return found + list(collector.finish()), collector


def test_a_tracklet_ends_after_the_seconds_without_a_box():
    box = (20, 20, 40, 60)
    found, _ = collect([{7: box}] * 5 + [{}] * 15 + [{7: box}] * 5)
    assert [(tracklet.number, tracklet.frames) for tracklet in found] == [(1, 5), (2, 5)]
    found, _ = collect([{7: box}] * 5 + [{}] * 9 + [{7: box}] * 5)
    assert [(tracklet.number, tracklet.frames) for tracklet in found] == [(1, 10)]


def test_small_cut_off_and_covered_boxes_are_not_cropped():
    small, outer, whole = (20, 20, 30, 35), (0, 20, 20, 60), (60, 20, 80, 60)
    found, collector = collect([{1: small, 2: outer, 3: whole}] * 6)
    assert [tracklet.number for tracklet in found] == [3]
    assert collector.without_crop == 2
    found, _ = collect([{1: small, 2: outer, 3: whole}] * 6, height=8, border=0)
    assert [tracklet.number for tracklet in found] == [1, 2, 3]
    found, collector = collect([{1: (40, 20, 60, 60), 2: (48, 20, 68, 60)}] * 6)
    assert (found, collector.without_crop) == ([], 2)
    found, _ = collect([{1: (40, 20, 60, 60), 2: (48, 20, 68, 60)}] * 6, overlap=0.7)
    assert len(found) == 2


def test_few_frames_are_no_tracklet():
    found, collector = collect([{1: (20, 20, 40, 60)}] * 3, fewest_frames=4)
    assert (found, collector.too_short) == ([], 1)


def test_what_is_kept_is_the_picture_in_the_box():
    found, _ = collect([{1: (20, 30, 44, 70)}] * 4)
    for kept in found[0].crops:
        assert kept.box == (20, 30, 44, 70)
        assert decode(kept.jpeg).shape == (40, 24, 3)


@settings(max_examples=50)
@given(st.tuples(*[st.floats(0, 60)] * 2), st.tuples(*[st.floats(4, 40)] * 2), st.floats(0, 1), st.booleans())
def test_padding_within_and_outside_of_the_frame(corner, size, padding, black):
    pixels = np.full((60, 60, 3), 200, dtype=np.uint8)
    left, top = corner
    box = np.array([left, top, min(left + size[0], 60), min(top + size[1], 60)])
    if box[2] - box[0] < 2 or box[3] - box[1] < 2:
        return
    image = crop_box(pixels, box, ImageSettings(padding=padding, outside="black" if black else "cut"))
    wide, tall = (box[2] - box[0]) * (1 + 2 * padding), (box[3] - box[1]) * (1 + 2 * padding)
    if black:
        assert abs(image.shape[0] - tall) <= 1
        assert abs(image.shape[1] - wide) <= 1
        assert set(np.unique(image)) <= {0, 200}
    else:
        assert image.shape[0] <= tall + 1
        assert image.shape[1] <= wide + 1
        assert (image == 200).all()

"""Frames come upright, in 8-bit RGB, with their times, from whatever a camera or a phone writes."""

import av
import numpy as np
import pytest
from PIL import Image
from tests.video.conftest import moving_square, turn, woven, write, write_interlaced, write_sound

from reseen.errors import VideoError
from reseen.video.frames import open_video, spread_frames
from reseen.video.sources import Source, find_sources

FRAMES = [moving_square(number) for number in range(20)]


def read(path, every=0.0):
    (source,) = find_sources([str(path)])
    with open_video(source, 25.0) as video:
        return list(video.read(every)), video


def error_of(frame, number):
    return np.abs(frame.pixels.astype(int) - FRAMES[number]).mean()


def test_frames_are_those_that_were_written(tmp_path):
    frames, video = read(write(tmp_path / "a.mp4", FRAMES))
    assert [frame.number for frame in frames] == list(range(20))
    assert np.allclose([frame.time for frame in frames], np.arange(20) / 10, atol=1e-3)
    assert max(error_of(frame, frame.number) for frame in frames) < 6
    assert (video.rate, video.count, video.notes, video.start) == (10, 20, [], None)


@pytest.mark.parametrize(
    ("codec", "pixel_format"), [("ffv1", "yuv420p10le"), ("ffv1", "gray"), ("ffv1", "yuv444p16le")]
)
def test_more_than_8_bits_and_gray_become_rgb(tmp_path, codec, pixel_format):
    frames, _ = read(write(tmp_path / "a.mkv", FRAMES, codec=codec, pixel_format=pixel_format))
    assert frames[3].pixels.dtype == np.uint8
    assert frames[3].pixels.shape == FRAMES[3].shape
    gray = np.abs(frames[3].pixels.mean(axis=2) - FRAMES[3].mean(axis=2))
    assert np.median(gray) < 4


def test_a_variable_frame_rate_keeps_its_times(tmp_path):
    times = np.cumsum([0, *np.tile([1, 3, 2, 6], 5)])[:20].tolist()
    path = write(tmp_path / "a.mkv", FRAMES, rate=100, times=times)
    frames, _ = read(path)
    assert np.allclose([frame.time for frame in frames], np.array(times) / 100, atol=2e-3)


def test_frames_can_be_taken_at_a_lower_rate(tmp_path):
    frames, _ = read(write(tmp_path / "a.mp4", FRAMES), every=0.25)
    assert [frame.number for frame in frames] == [0, 3, 6, 9, 12, 15, 18]


@pytest.mark.parametrize(("turns", "matrix"), [
    (1, (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)),
    (2, (-0x10000, 0, 0, 0, -0x10000, 0, 0, 0, 0x40000000)),
    (3, (0, -0x10000, 0, 0x10000, 0, 0, 0, 0, 0x40000000)),
])  # fmt: skip
def test_a_phone_that_was_held_upright(tmp_path, turns, matrix):
    """The matrix of the track header says how far the picture is to be turned clockwise for display."""
    frames, _ = read(turn(write(tmp_path / "a.mp4", FRAMES), matrix))
    expected = np.rot90(FRAMES[0], -turns)
    assert frames[0].pixels.shape == expected.shape
    assert np.abs(frames[0].pixels.astype(int) - expected).mean() < 6


def test_interlaced_video_has_no_combs(tmp_path):
    """Two fields of a moving square, woven: rows of neighbors differ; deinterlaced they do not."""

    def combs(pixels):
        return np.abs(np.diff(pixels[21:43].astype(int).mean(axis=2), axis=0)).mean()

    path = write_interlaced(tmp_path / "a.mpg", 10)
    with av.open(str(path)) as container:
        raw = list(container.decode(video=0))
    assert raw[5].interlaced_frame
    frames, _ = read(path)
    assert len(frames) == 10
    assert combs(frames[6].pixels) < 0.6 * combs(raw[6].to_ndarray(format="rgb24"))
    assert np.allclose([frame.time for frame in frames], np.arange(10) / 25, atol=1e-3)
    assert (
        np.abs(frames[6].pixels.astype(int)[::2] - woven(6)[::2]).mean() < 8
    )  # its own picture, no neighbor's


def test_a_truncated_file_gives_what_is_there(tmp_path):
    path = write(tmp_path / "a.mkv", FRAMES)
    content = path.read_bytes()
    path.write_bytes(content[: 2 * len(content) // 3])
    frames, video = read(path)
    assert 2 < len(frames) < 18
    assert any("truncated or damaged" in note or "ends early" in note for note in video.notes)


def test_damage_in_the_middle_is_passed_over(tmp_path):
    path = write(tmp_path / "a.ts", [moving_square(number % 30) for number in range(60)], options={"g": "5"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    frames, _ = read(path)
    assert len(frames) > 30
    assert frames[-1].time > 5


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\x00" * 5000])
def test_what_is_no_video_is_said(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"a\.mp4: cannot be opened as a video"):
        read(path)


def test_sound_alone_is_no_video(tmp_path):
    path = write_sound(tmp_path / "a.wav")
    with pytest.raises(VideoError, match="has no video stream"):
        read(path)


def test_a_folder_of_frames_is_read_by_number(tmp_path):
    folder = tmp_path / "c1" / "img1"
    folder.mkdir(parents=True)
    for number in range(12):
        Image.fromarray(FRAMES[number]).save(folder / f"{number}.png")
    (folder / "3.png").write_bytes(b"broken")
    frames, video = read(tmp_path / "c1")
    assert [frame.number for frame in frames] == [0, 1, 2, *range(4, 12)]
    assert frames[-1].time == pytest.approx(11 / 25)
    assert all(error_of(frame, frame.number) == 0 for frame in frames)
    assert "3.png" in video.notes[0]
    assert video.source.camera == "c1"


def test_frames_spread_over_a_video(tmp_path):
    path = write(
        tmp_path / "a.mp4", [moving_square(number % 30) for number in range(100)], options={"g": "4"}
    )
    source = Source(str(path), "video", "a", "a")
    spread = spread_frames(source, 25.0, 10)
    assert 5 <= len(spread) <= 10
    few = write(
        tmp_path / "b.mp4", [moving_square(number % 30) for number in range(40)], options={"g": "100"}
    )
    assert 3 <= len(spread_frames(Source(str(few), "video", "b", "b"), 25.0, 10)) <= 10


def test_the_start_is_that_of_the_container(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        container.metadata["creation_time"] = "2026-05-01T12:00:00Z"
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width = 64, 96
        container.mux(stream.encode(av.VideoFrame.from_ndarray(FRAMES[0], format="rgb24")))
        container.mux(stream.encode(None))
    (source,) = find_sources([str(path)])
    with open_video(source, 25.0) as video:
        assert video.start == 1777636800.0
    (source,) = find_sources([str(path)], start="100")
    with open_video(source, 25.0) as video:
        assert video.start == 100.0

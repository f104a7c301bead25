"""A crowd on video, drawn once, and writers of odd videos."""

from fractions import Fraction

import av
import numpy as np
import pytest

from reseen.synthetic import draw_crowd_video


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    """Four drawn people before two cameras, 6 seconds each, with their exact tracks."""
    folder = tmp_path_factory.mktemp("drawn") / "videos"
    draw_crowd_video(folder, people=4, cameras=2, seed=4, seconds=6, height=240, width=320, progress=False)
    return folder


def moving_square(number, height=64, width=96):
    """A frame with a white square that moves to the right by two pixels a frame, its left upper part red."""
    pixels = np.full((height, width, 3), 40, dtype=np.uint8)
    left = 4 + 2 * number
    pixels[20:44, left : left + 24] = 255
    pixels[20:32, left : left + 12] = (255, 0, 0)
    return pixels


def write(path, frames, *, codec="mpeg4", pixel_format="yuv420p", rate=10, times=None, options=None):
    """Write frames as a video; `times` in steps of `1 / rate` for a variable frame rate."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options={"qmin": "2", "qmax": "2", **(options or {})})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if times is not None:
                frame.pts = times[number]
                frame.time_base = Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path

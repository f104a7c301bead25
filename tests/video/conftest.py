"""A crowd on video, drawn once, writers of odd videos, and servers of streams."""

import http.server
import struct
import threading
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


def turn(path, matrix):
    """An MP4 file with another matrix in its track header, as a phone writes it that was held upright."""
    plain = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    content = path.read_bytes()
    at = content.index(plain, content.index(b"tkhd"))
    path.write_bytes(content[:at] + struct.pack(">9i", *matrix) + content[at + len(plain) :])
    return path


def woven(number):
    """A frame of two fields, of which the second is half a frame later."""
    first, second = moving_square(2 * number), moving_square(2 * number + 1)
    pixels = first.copy()
    pixels[1::2] = second[1::2]
    return pixels


def write_interlaced(path, count):
    """A video of woven frames, 25 a second."""
    frames = [woven(number) for number in range(count)]
    return write(path, frames, codec="mpeg2video", options={"flags": "+ildct+ilme"}, rate=25)


def write_sound(path):
    """A tenth of a second of silence."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


class Stalling(http.server.SimpleHTTPRequestHandler):
    """Sends a third of a file, and then nothing until the test is over."""

    released = threading.Event()

    def do_GET(self):
        content = (self.server.folder / self.path.strip("/")).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 3])
        self.wfile.flush()
        self.released.wait()

    def log_message(self, *_):
        pass


class Files(http.server.SimpleHTTPRequestHandler):
    """Serves files, and says nothing on standard error."""

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(tmp_path):
    """A function that serves the test's folder by a handler; the address."""
    servers = []

    def start(handler):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.folder, server.daemon_threads = tmp_path, True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    Stalling.released.set()
    for server in servers:
        server.shutdown()
        server.server_close()

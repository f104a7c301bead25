"""A camera for tests: an RTSP server that sends MPEG-4 video over its own TCP connection, as network cameras do.

Requests follow RFC 7826's predecessor RFC 2326 (DESCRIBE, SETUP, PLAY), packets RFC 3550 and RFC 6416 (MP4V-ES), framed
as RFC 2326, section 10.12 has it.
"""

import socketserver
import struct
import threading
import time
from fractions import Fraction

import av

_PACKET = 1200
_CLOCK = 90_000
_GLOBAL_HEADER = 1 << 22


class Camera(socketserver.ThreadingTCPServer):
    """Plays frames to every client, `rate` a second, as often as `loops` says; then it closes the connection."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, frames, rate=10, loops=1):
        super().__init__(("127.0.0.1", 0), _Session)
        self.frames, self.rate, self.loops = frames, rate, loops
        self.requests = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"rtsp://127.0.0.1:{self.server_address[1]}/live"

    def encoder(self):
        encoder = av.CodecContext.create("mpeg4", "w")
        encoder.height, encoder.width = self.frames[0].shape[:2]
        encoder.pix_fmt = "yuv420p"
        encoder.framerate, encoder.time_base = Fraction(self.rate, 1), Fraction(1, self.rate)
        encoder.flags |= _GLOBAL_HEADER
        encoder.options = {"qmin": "2", "qmax": "2", "g": "5", "bf": "0"}
        encoder.open()
        return encoder


class _Session(socketserver.StreamRequestHandler):
    def handle(self):
        encoder = self.server.encoder()
        while request := self._read():
            method, number = request[0].split()[0], self._field(request, "CSeq")
            self.server.requests.append(method)
            extra, body = self._answer(method, request, encoder)
            lines = ["RTSP/1.0 200 OK", f"CSeq: {number}", *extra]
            if method == "SETUP" and "TCP" not in self._field(request, "Transport"):
                lines[0] = "RTSP/1.0 461 Unsupported Transport"
            if body:
                lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
            self.wfile.write("\r\n".join([*lines, "", body]).encode())
            self.wfile.flush()
            if method == "PLAY":
                return self._play(encoder)
        return None

    def _read(self):
        """The lines of a request; none at the end of the connection."""
        lines = []
        while (line := self.rfile.readline().decode().strip()) or not lines:
            if not line and not lines:
                if not self.rfile.peek(1):
                    return []
                continue
            lines.append(line)
        return lines

    @staticmethod
    def _field(request, name):
        found = [
            line.partition(":")[2].strip() for line in request if line.lower().startswith(f"{name.lower()}:")
        ]
        return found[0] if found else ""

    def _answer(self, method, request, encoder):
        """Header lines, and the description of the stream for DESCRIBE."""
        if method == "OPTIONS":
            return ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"], ""
        if method == "DESCRIBE":
            description = [
                "v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=camera", "c=IN IP4 0.0.0.0", "t=0 0", "m=video 0 RTP/AVP 96",
                f"a=rtpmap:96 MP4V-ES/{_CLOCK}", f"a=fmtp:96 profile-level-id=1;config={encoder.extradata.hex()}",
                "a=control:track0", "",
            ]  # fmt: skip
            return [f"Content-Base: {self.server.address}/"], "\r\n".join(description)
        if method == "SETUP":
            return ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1"], ""
        return ["Session: 1", "Range: npt=0.000-"], ""

    def _play(self, encoder):
        sequence, began, number = 0, time.monotonic(), 0
        for _ in range(self.server.loops):
            for pixels in self.server.frames:
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, self.server.rate)
                moment = number * _CLOCK // self.server.rate
                for packet in encoder.encode(frame):
                    sequence = self._send(bytes(packet), moment, sequence)
                number += 1
                time.sleep(max(0.0, began + number / self.server.rate - time.monotonic()))

    def _send(self, content, moment, sequence):
        for begin in range(0, len(content), _PACKET):
            part = content[begin : begin + _PACKET]
            last = begin + _PACKET >= len(content)
            header = struct.pack(">BBHII", 0x80, 96 | (0x80 if last else 0), sequence & 0xFFFF, moment, 1)
            self.wfile.write(struct.pack(">cBH", b"$", 0, len(header) + len(part)) + header + part)
            sequence += 1
        self.wfile.flush()
        return sequence

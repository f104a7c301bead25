"""A limit on the scans of a JPEG file, because each scan costs as much as decoding the image once.

A progressive JPEG has about ten scans, but a few kilobytes can encode thousands.
"""

import re

MOST_SCANS = 100
"""Limit of scans per image."""

MOST_PIXELS_SCANNED = 1_000_000_000
"""Limit of pixels times scans."""

_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])", re.DOTALL)
"""A JPEG marker; stuffed zero bytes and restart markers D0 to D7, which occur within scan data, are excluded."""
_SCAN, _END, _WITHOUT_SEGMENT = 0xDA, 0xD9, (0x01, 0xD8)


def too_many_scans(content: bytes, height: int, width: int) -> str:
    """The reason why a JPEG of this size has too many scans to decode; empty if it does not."""
    most = min(MOST_SCANS, max(1, MOST_PIXELS_SCANNED // (height * width)))
    if count_scans(content, most + 1) <= most:
        return ""
    return f"more than {most} scans of {width:,} x {height:,} pixels; no ordinary JPEG has so many"


def count_scans(content: bytes, most: int) -> int:
    """Count the scans of the first image, up to `most`; thumbnails in its metadata are skipped."""
    scans, position = 0, 0
    while scans < most and (match := _MARKER.search(content, position)) is not None:
        marker, position = match[1][0], match.end()
        if marker == _END:
            break
        if marker not in _WITHOUT_SEGMENT:
            position += max(2, int.from_bytes(content[position : position + 2], "big"))
        scans += marker == _SCAN
    return scans

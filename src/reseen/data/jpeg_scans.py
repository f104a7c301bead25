"""How often a JPEG goes over its pixels: each of its scans costs as much as decoding the image once.

A progressive JPEG has about ten of them; a few kilobytes can hold thousands.
"""

import re

MOST_SCANS = 100
"""Scans of one image."""

MOST_PIXELS_SCANNED = 1_000_000_000
"""Pixels of an image times its scans."""

_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])", re.DOTALL)
"""The next marker: within the data of a scan, 0 and the restarts D0 to D7 are none."""
_SCAN, _END, _ALONE = 0xDA, 0xD9, (0x01, 0xD8)


def too_many_scans(content: bytes, height: int, width: int) -> str:
    """Why a JPEG of this size would take too long, in a few words; empty where it would not."""
    most = min(MOST_SCANS, max(1, MOST_PIXELS_SCANNED // (height * width)))
    if count_scans(content, most + 1) <= most:
        return ""
    return f"more than {most} scans of {width:,} x {height:,} pixels; no ordinary JPEG has so many"


def count_scans(content: bytes, most: int) -> int:
    """Scans up to the end of the first image, counted to `most`; pictures within its metadata are passed over."""
    scans, place = 0, 0
    while scans < most and (found := _MARKER.search(content, place)) is not None:
        marker, place = found[1][0], found.end()
        if marker == _END:
            break
        if marker not in _ALONE:
            place += max(2, int.from_bytes(content[place : place + 2], "big"))
        scans += marker == _SCAN
    return scans

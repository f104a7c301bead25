"""Conversion of images of more than 8 bits per value to 8 bits, by a white level.

The white level follows from the file format or a setting. It is never estimated from a single file, because dark frames
of a camera would then come out brighter than the others.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Num, UInt8

INTEGER_WHITE = 65_535.0
"""White of 16-bit and 32-bit integer images if no white level is set."""

FLOAT_WHITE = 1.0
"""White of float images if no white level is set."""

SHARE_OF_WHITE = 1 / 4
"""If no value exceeds this fraction of the white level, the white level is probably wrong."""

_OVERSHOOT = 1 / 16
_USUAL = (1.0, 255.0, 1023.0, 4095.0, 16_383.0, 65_535.0)


class OutOfRangeError(Exception):
    """Pixel values lie outside the range from black to white; the message says how."""


@dataclass(frozen=True)
class Levels:
    """The range of values of an image of more than 8 bits, before scaling."""

    kind: str
    """`16-bit`, `32-bit`, `float`, or `16-bit color`, for which the white level is always 65,535."""
    white: float
    """The white level used."""
    peak: float
    """The largest finite value."""


def default_white(kind: str) -> float:
    """The white level of a kind of image (see `Levels.kind`) if none is set."""
    return FLOAT_WHITE if kind == "float" else INTEGER_WHITE


def to_8_bits(
    values: Num[np.ndarray, "h w"], kind: str, white: float | None
) -> tuple[UInt8[np.ndarray, "h w"], Levels]:
    """Scale values from 0 to `white` (None: the default of the kind) to 0 to 255.

    Values up to 1/16 of the range outside it are clipped, non-finite values become black.

    Raises:
        OutOfRangeError: values lie further outside the range, or none is finite.
    """
    level = default_white(kind) if white is None else white
    numbers = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(numbers)
    if not finite.any():
        raise OutOfRangeError("no value is finite")
    peak, least = float(numbers[finite].max()), float(numbers[finite].min())
    if peak > level * (1 + _OVERSHOOT):
        raise OutOfRangeError(
            f"{kind} values up to {peak:,.6g}, but the white level is {level:,g}; set data.white_level, such as "
            f"{usual_white(peak):g}"
        )
    if least < -level * _OVERSHOOT:
        raise OutOfRangeError(f"{kind} values from {least:,.6g}, but 0 is black; save it with values from 0")
    numbers = np.where(finite, numbers, 0)
    # Floor integers, so that 16-bit values give their high byte and 8-bit values are unchanged; round floats.
    scaled = np.rint(numbers * (255 / level)) if kind == "float" else np.floor(numbers * (256 / (level + 1)))
    return np.clip(scaled, 0, 255).astype(np.uint8), Levels(kind, level, peak)


def usual_white(peak: float) -> float:
    """The smallest common white level not below `peak`: 1, or the maximum of 8, 10, 12, 14 or 16 bits."""
    return next((level for level in _USUAL if level >= peak), peak)


def too_dark(images: list[Levels]) -> str:
    """A warning, with the fix, if images would be nearly black with their white level; empty if it is plausible."""
    for kind in dict.fromkeys(image.kind for image in images):
        same_kind = [image for image in images if image.kind == kind]
        peak, white = max(image.peak for image in same_kind), same_kind[0].white
        if 0 < peak <= white * SHARE_OF_WHITE or (peak == 0 and kind == "16-bit color"):
            what = f"{kind} images have values up to {peak:,.6g}, but the white level is {white:,g}"
            if kind == "16-bit color":
                return f"{what}: they would be nearly black; save them with 8 bits per channel"
            return (
                f"{what}: they would be nearly black; set data.white_level to {usual_white(peak):g}, or to {white:g} "
                "if they are meant to be this dark"
            )
    return ""

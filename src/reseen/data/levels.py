"""Images of more than 8 bits a value: which value is white, and what was found in a table of them.

The white level belongs to the file's format or is a setting; it is never taken from the values of one file, since a
dark frame of a camera would then become brighter than its neighbors.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Num, UInt8

INTEGER_WHITE = 65_535.0
"""White of 16-bit and 32-bit integer images where no white level is set."""

FLOAT_WHITE = 1.0
"""White of float images where no white level is set."""

SHARE_OF_WHITE = 1 / 4
"""Deep images whose largest value is at most this share of white were probably made with another white level."""

_OVERSHOOT = 1 / 16
_USUAL = (1.0, 255.0, 1023.0, 4095.0, 16_383.0, 65_535.0)


class OutOfRangeError(Exception):
    """Values that are no levels from black to white; the message says why."""


@dataclass(frozen=True)
class Levels:
    """The values of a deep image, before they are scaled."""

    kind: str
    """`16-bit`, `32-bit`, `float`, or `16-bit color`, which can only be read with 65,535 as white."""
    white: float
    peak: float
    """The largest finite value."""


def default_white(kind: str) -> float:
    """White of a kind of image where no white level is set."""
    return FLOAT_WHITE if kind == "float" else INTEGER_WHITE


def to_8_bits(
    values: Num[np.ndarray, "h w"], kind: str, white: float | None
) -> tuple[UInt8[np.ndarray, "h w"], Levels]:
    """Scale 0 to `white` to 0 to 255; a little more or less is clipped, what is not finite becomes black.

    Raises:
        OutOfRangeError: values far above white or below 0, or none that is finite.
    """
    level = default_white(kind) if white is None else white
    numbers = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(numbers)
    if not finite.any():
        raise OutOfRangeError("no value is finite")
    peak, least = float(numbers[finite].max()), float(numbers[finite].min())
    if peak > level * (1 + _OVERSHOOT):
        raise OutOfRangeError(
            f"{kind} values up to {peak:,.6g}, and {level:,g} is taken for white; set data.white_level, such as "
            f"{usual_white(peak):g}"
        )
    if least < -level * _OVERSHOOT:
        raise OutOfRangeError(f"{kind} values from {least:,.6g}, and 0 is black; save it with values from 0")
    numbers = np.where(finite, numbers, 0)
    # Integers so that 16 bits give their high byte and 8-bit values stay as they are; floats to the nearest level.
    scaled = np.rint(numbers * (255 / level)) if kind == "float" else np.floor(numbers * (256 / (level + 1)))
    return np.clip(scaled, 0, 255).astype(np.uint8), Levels(kind, level, peak)


def usual_white(peak: float) -> float:
    """The smallest usual white level that is not below a value: that of 0 to 1, or of 8, 10, 12, 14 or 16 bits."""
    return next((level for level in _USUAL if level >= peak), peak)


def too_dark(found: list[Levels]) -> str:
    """Why the white level of deep images is probably another, and what to set; empty where it is plausible."""
    for kind in dict.fromkeys(one.kind for one in found):
        same = [one for one in found if one.kind == kind]
        peak, white = max(one.peak for one in same), same[0].white
        if 0 < peak <= white * SHARE_OF_WHITE or (peak == 0 and kind == "16-bit color"):
            what = f"{kind} images have values up to {peak:,.6g}, and {white:,g} is taken for white"
            if kind == "16-bit color":
                return f"{what}: they would be nearly black; save them with 8 bits a color"
            return (
                f"{what}: they would be nearly black; set data.white_level to {usual_white(peak):g}, or to {white:g} "
                "if they are meant to be so dark"
            )
    return ""

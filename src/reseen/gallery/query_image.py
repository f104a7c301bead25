"""Query images: decoded and resized as crops are before they are embedded."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from reseen.data.decode import UnreadableError, decode, fit, quiet_pillow, read_bytes
from reseen.data.table import ImageSource
from reseen.errors import DataError


def read_query_image(
    image: str | Path | bytes, height: int, width: int, white_level: float | None = None
) -> UInt8[np.ndarray, "h w 3"]:
    """The RGB pixels of one image, `height` by `width`, values 0 to 255.

    Args:
        image: path of an image file, or its encoded bytes.
        height: height of the encoder's input, in pixels.
        width: width of the encoder's input, in pixels.
        white_level: the value that is white in images of more than 8 bits, as in the recipe of the run.

    Raises:
        DataError: the image is unusable or too large.
    """
    name = "the image" if isinstance(image, bytes) else str(image)
    try:
        with quiet_pillow():
            content = image if isinstance(image, bytes) else read_bytes(ImageSource(Path(image).expanduser()))
            return fit(decode(content, white_level), height, width)
    except UnreadableError as error:
        raise DataError(f"{name}: {error}; give an image of one person") from None

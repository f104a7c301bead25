"""Conversion between entries and Qdrant payloads."""

import base64
import math
from typing import Annotated, Any

from pydantic import BaseModel, Field

from reseen.errors import GalleryError
from reseen.gallery.entries import Entry
from reseen.reading import validate_as

_Number = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class _Payload(BaseModel):
    """Schema of a payload. `when` is the exact time as text, because Qdrant rounds floats."""

    source: str
    image: str
    thumbnail: str = ""
    camera: str | None = None
    when: str | None = None
    tracklet: _Number | None = None
    cluster: _Number | None = None


def to_payload(entry: Entry) -> dict[str, Any]:
    """JSON values of an entry; unknown values are omitted, so that no index holds them."""
    payload: dict[str, Any] = {"source": entry.source, "image": entry.image}
    time = None if entry.time is None else float(entry.time)  # for filters; Qdrant rounds its last place
    optional = {"camera": entry.camera, "time": time, "tracklet": entry.tracklet, "cluster": entry.cluster}
    payload |= {name: value for name, value in optional.items() if value is not None}
    if time is not None:
        payload["when"] = repr(time)
    if entry.thumbnail:
        payload["thumbnail"] = base64.b64encode(entry.thumbnail).decode("ascii")
    return payload


def from_payload(payload: dict[str, Any]) -> Entry:
    """The entry of a payload.

    Raises:
        GalleryError: the payload is not valid.
    """
    try:
        values = validate_as(_Payload, payload)
        time = None if values.when is None else float(values.when)
        if time is not None and not math.isfinite(time):
            raise ValueError(f"a time of {time}")
        return Entry(
            values.source,
            values.image,
            base64.b64decode(values.thumbnail, validate=True),
            values.camera,
            time,
            values.tracklet,
            values.cluster,
        )
    except (ValueError, OverflowError) as error:
        raise GalleryError(
            f"an entry of the gallery is damaged ({error!r}); index the crops into a new gallery"
        ) from None

"""An entry as the values beside a vector in Qdrant, and back."""

import base64
import math
from typing import Annotated, Any

from pydantic import BaseModel, Field

from reseen.errors import GalleryError
from reseen.gallery.entries import Entry
from reseen.reading import validate_as

_OPTIONAL = ("camera", "time", "tracklet", "cluster")


_Number = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class _Payload(BaseModel):
    """What `to_payload` writes."""

    source: str
    image: str
    thumbnail: str = ""
    camera: str | None = None
    when: str | None = None
    tracklet: _Number | None = None
    cluster: _Number | None = None


def to_payload(entry: Entry) -> dict[str, Any]:
    """Values for JSON; what is unknown is left out, so that it is in no index."""
    payload: dict[str, Any] = {"source": entry.source, "image": entry.image}
    for name in _OPTIONAL:
        value = getattr(entry, name)
        if value is not None:
            payload[name] = value
    if entry.time is not None:
        payload["time"] = float(
            entry.time
        )  # for conditions; Qdrant may read it with an error in the last place
        payload["when"] = repr(float(entry.time))
    if entry.thumbnail:
        payload["thumbnail"] = base64.b64encode(entry.thumbnail).decode("ascii")
    return payload


def from_payload(payload: dict[str, Any]) -> Entry:
    """The entry that `to_payload` was given.

    Raises:
        GalleryError: the values are not those of an entry.
    """
    try:
        given = validate_as(_Payload, payload)
        time = None if given.when is None else float(given.when)
        if time is not None and not math.isfinite(time):
            raise ValueError(f"a time of {time}")
        return Entry(
            given.source,
            given.image,
            base64.b64decode(given.thumbnail, validate=True),
            given.camera,
            time,
            given.tracklet,
            given.cluster,
        )
    except (ValueError, OverflowError) as error:
        raise GalleryError(
            f"an entry of the gallery is damaged ({error!r}); index the crops into a new gallery"
        ) from None

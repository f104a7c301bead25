"""An entry as the values beside a vector in Qdrant, and back."""

import base64
from typing import Any

from reseen.errors import GalleryError
from reseen.gallery.entries import Entry

_OPTIONAL = ("camera", "time", "tracklet", "cluster")


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
    when = payload.get("when")
    try:
        return Entry(
            payload["source"],
            payload["image"],
            base64.b64decode(payload.get("thumbnail", "")),
            payload.get("camera"),
            None if when is None else float(when),
            payload.get("tracklet"),
            payload.get("cluster"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GalleryError(
            f"an entry of the gallery is damaged ({error!r}); index the crops into a new gallery"
        ) from None

"""What a person or a program asks of a search, checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from reseen.errors import SettingsError
from reseen.gallery.entries import Entry
from reseen.gallery.filter import Filter, parse_window
from reseen.viewer.viewer import Snapshot

MOST = 500
"""Answers at most."""


class Values(Protocol):
    """Fields of a form or an address; one name may come several times."""

    def get(self, key: str, /) -> object:
        """The last value of a name, None without one."""
        ...

    def getlist(self, key: str, /) -> Sequence[object]:
        """All values of a name."""
        ...


@dataclass(frozen=True)
class SearchRequest:
    """A search, but for what is searched for when that was sent as an image."""

    key: str | None = None
    """Of the crop that is searched for."""
    cameras: tuple[str, ...] = ()
    """None of them: all."""
    elsewhere: bool = False
    """Leave out the camera of the crop that is searched for."""
    after: str = ""
    """As typed."""
    before: str = ""
    cluster: int | None = None
    group: bool = False
    rerank: bool = False
    top: int = 50

    def where(self, query: Entry | None) -> Filter:
        """The conditions.

        Raises:
            SettingsError: a time is none, or the window is empty.
        """
        after, before = parse_window(self.after, self.before)
        own = query.camera if query is not None and self.elsewhere else None
        return Filter(
            cameras=self.cameras or None,
            not_cameras=None if own is None else (own,),
            after=after,
            before=before,
            clusters=None if self.cluster is None else (self.cluster,),
        )


def read_search_request(values: Values, now: Snapshot) -> SearchRequest:
    """From the fields of a form or an address.

    Raises:
        SettingsError: a crop or camera is not in the gallery, or a number is none.
    """
    key = _text(values, "key")
    if key and key not in now.collection.rows:
        raise SettingsError("the crop to search for is not in this gallery, or not any more; choose another")
    cameras = tuple(dict.fromkeys(str(name) for name in values.getlist("camera")))
    unknown = [name for name in cameras if name not in now.collection.camera_names]
    if unknown:
        raise SettingsError(f"camera '{unknown[0][:80]}' is not in this gallery; choose one of the list")
    top = _number(values, "top", "how many answers")
    if top is not None and not 1 <= top <= MOST:
        raise SettingsError(f"how many answers: from 1 to {MOST}, found {top}")
    return SearchRequest(
        key or None,
        cameras,
        bool(_text(values, "elsewhere")),
        _text(values, "after"),
        _text(values, "before"),
        _number(values, "cluster", "cluster"),
        bool(_text(values, "group")),
        bool(_text(values, "rerank")),
        SearchRequest.top if top is None else top,
    )


def _text(values: Values, name: str) -> str:
    value = values.get(name)
    return value.strip() if isinstance(value, str) else ""


def _number(values: Values, name: str, words: str) -> int | None:
    text = _text(values, name)
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        number = None
    if number is None or abs(number) >= 2**31:
        raise SettingsError(f"{words}: a whole number is needed, found '{text[:80]}'")
    return number

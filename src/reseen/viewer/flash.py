"""Sentences for the next page: an address names one by number, so that no link can put words into a page."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

_MOST = 200


@dataclass(frozen=True)
class FlashMessage:
    """What is said at the foot of a page."""

    words: str
    bad: bool = False
    can_undo: bool = False
    """Whether it offers to undo."""


class FlashMessages:
    """The last notes of a running viewer."""

    def __init__(self) -> None:
        self._notes: OrderedDict[str, FlashMessage] = OrderedDict()
        self._lock = Lock()

    def leave(self, note: FlashMessage) -> str:
        """Keep a note and name it."""
        with self._lock:
            name = secrets.token_urlsafe(6)
            self._notes[name] = note
            while len(self._notes) > _MOST:
                self._notes.popitem(last=False)
            return name

    def read(self, name: str) -> FlashMessage | None:
        """The note of a name; None for any other."""
        return self._notes.get(name)

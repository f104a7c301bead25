"""Flash messages: shown once on the next page.

A URL refers to a message by a random id, so that a crafted link cannot put text into a page.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

_MAX_MESSAGES = 200


@dataclass(frozen=True)
class FlashMessage:
    """A message about the last action."""

    text: str
    is_error: bool = False
    can_undo: bool = False
    """Whether the message has an Undo button."""


class FlashMessages:
    """The most recent messages of a running viewer; thread-safe."""

    def __init__(self) -> None:
        self._messages: OrderedDict[str, FlashMessage] = OrderedDict()
        self._lock = Lock()

    def add(self, message: FlashMessage) -> str:
        """Store a message and return its id; the oldest ones beyond 200 are dropped."""
        with self._lock:
            message_id = secrets.token_urlsafe(6)
            self._messages[message_id] = message
            while len(self._messages) > _MAX_MESSAGES:
                self._messages.popitem(last=False)
            return message_id

    def get(self, message_id: str) -> FlashMessage | None:
        """The message with an id; None for an unknown id."""
        return self._messages.get(message_id)

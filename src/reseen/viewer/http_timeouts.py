"""Closes connections that do not send a complete request header; uvicorn itself has no such timeout."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 15.0
"""Timeout for a complete request header, and for the first request of an open connection."""


class HeaderTimeoutProtocol(H11Protocol):
    """HTTP/1.1 protocol of uvicorn with a timeout on the request header."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the timer for the first request."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer."""
        self._cancel_timer()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Restart the timer for the next request on the connection."""
        self._start_timer()
        super().on_response_complete()

    def _start_timer(self) -> None:
        self._cancel_timer()
        self._timer = self.loop.call_later(HEADER_SECONDS, self._close_if_idle)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_if_idle(self) -> None:
        if (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing():
            self.transport.close()

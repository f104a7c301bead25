"""The viewer as a FastAPI application (pages and API behind access control), and the server that runs it.

Connections that do not send a complete request header are closed; uvicorn itself has no such timeout.
"""

import asyncio
import socket
import webbrowser
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from threading import Timer
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from uvicorn.protocols.http.h11_impl import H11Protocol

from reseen.errors import ReseenError, SettingsError, StorageError
from reseen.gallery.edits.journal import Journal, edits_file
from reseen.viewer.api import API_ROUTERS
from reseen.viewer.deletion import DeletionPlans
from reseen.viewer.edits.editor import EditError, Editor, StaleError
from reseen.viewer.maps import Maps
from reseen.viewer.pages import PAGES, actions, login, pictures
from reseen.viewer.questions import Questions
from reseen.viewer.security import Access, AllowedHosts, AuthMiddleware
from reseen.viewer.similar_people import SimilarPeople
from reseen.viewer.templating import FlashMessages, render
from reseen.viewer.templating import router as assets
from reseen.viewer.viewer import Viewer


def make_app(viewer: Viewer, access: Access, host: str = "127.0.0.1", journal: Path | None = None) -> FastAPI:
    """The application for a gallery.

    Args:
        viewer: state of the gallery to show.
        access: secrets and sessions.
        host: address that the server is bound to, which determines the allowed Host headers.
        journal: file of edits; beside the gallery if None.

    Raises:
        GalleryError: the journal is damaged.
        StorageError: the journal or the store cannot be written.
    """
    app = FastAPI(
        title="reseen viewer",
        description="Send the secret printed by `reseen view` as Authorization: Bearer.",
        version=version("reseen"),
        docs_url=None,  # FastAPI's documentation pages load scripts from a CDN
        redoc_url=None,
        openapi_url=None,
    )
    app.state.viewer, app.state.access, app.state.pages = viewer, access, PAGES
    app.state.maps, app.state.plans = Maps(viewer.address), DeletionPlans()
    app.state.flash = FlashMessages()
    app.state.editor = Editor(viewer, Journal(journal or edits_file(viewer.address)))
    viewer.on_drop.append(app.state.editor.on_deletion)
    app.state.similar_people = SimilarPeople(app.state.editor.people)
    app.state.questions = Questions(viewer, app.state.editor)
    app.state.editor.on_change.append(app.state.questions.on_change)
    for router in (assets, login.router, pictures.router, actions.router, *(page.router for page in PAGES)):
        app.include_router(router)
    for router in API_ROUTERS:
        app.include_router(router, prefix="/api")
    app.add_exception_handler(ReseenError, _handle_error)
    app.add_exception_handler(RequestValidationError, _handle_error)
    app.add_exception_handler(EditError, _handle_error)
    app.add_exception_handler(HTTPException, _handle_error)
    app.add_middleware(AuthMiddleware, access=access, allowed_hosts=AllowedHosts(host))
    return app


def _handle_error(request: Request, error: Exception) -> Response:
    """The error as JSON for the API, else as a page."""
    status, message = _status_and_message(error)
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": message}, status)
    return render(request, "error.html.j2", status=status, message=message)


def _status_and_message(error: Exception) -> tuple[int, str]:
    if isinstance(error, HTTPException):
        return error.status_code, str(error.detail)
    if isinstance(error, RequestValidationError):
        details = ", ".join(
            f"{'.'.join(map(str, detail['loc'][1:])) or detail['loc'][0]}: {detail['msg']}"
            for detail in error.errors()
        )
        return 422, f"invalid request: {details}"
    if isinstance(error, StorageError):
        return 507, str(error)
    return (409 if isinstance(error, StaleError) else 422), str(error)


def listen(host: str, port: int) -> socket.socket:
    """A TCP socket bound to `host` and `port`; port 0 selects a free one.

    Raises:
        SettingsError: the address does not belong to this machine, or the port is in use.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}, port {port} ({error.strerror or error}); choose another --host or --port"
        ) from None
    return listener


def base_url(listener: socket.socket, host: str) -> str:
    """URL of the server for a browser on this machine, without a trailing slash."""
    name = {"": "localhost", "0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}"


def make_server(app: FastAPI) -> uvicorn.Server:
    """A uvicorn server without access log, because the first request has the login token in its URL."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=2,
            http=HeaderTimeoutProtocol,
        )
    )


def serve(
    app: FastAPI,
    access: Access,
    listener: socket.socket,
    host: str,
    say: Callable[[str], None],
    browser: bool,
) -> None:
    """Serve until Ctrl-C.

    Args:
        app: the application.
        access: secrets and sessions.
        listener: a bound socket, which is closed at the end.
        host: the address it is bound to.
        say: called with each line for the user.
        browser: open the login URL in the default browser.
    """
    login_url = f"{base_url(listener, host)}/?token={access.login_token}"
    say(f"Open {login_url}")
    if access.secret_is_generated:
        say(f"This link works once. For the API and for further logins, use the secret {access.secret}")
    else:
        say("This link works once. For the API and for further logins, use your own secret.")
    say("Press Ctrl-C to stop.")
    if browser:
        opener = Timer(0.5, webbrowser.open, [login_url])
        opener.daemon = True
        opener.start()
    try:
        make_server(app).run(sockets=[listener])
    except KeyboardInterrupt:  # uvicorn has closed its connections and re-raises the signal
        pass
    finally:
        listener.close()


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

"""The application: the gate around pages and the interface for programs.

Listen, say where, open the browser, end on Ctrl-C.
"""

import socket
import webbrowser
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from threading import Timer

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from reseen.errors import ReseenError, SettingsError, StorageError
from reseen.viewer.access import Access, AllowedHosts
from reseen.viewer.api import PROGRAMS
from reseen.viewer.deletion import DeletionPlans
from reseen.viewer.edits.editor import EditError, Editor, StaleError
from reseen.viewer.edits.journal import Journal, edits_file
from reseen.viewer.flash import FlashMessages
from reseen.viewer.maps import Maps
from reseen.viewer.pages import PAGES, actions, pictures
from reseen.viewer.pages import login as door
from reseen.viewer.patience import PatientProtocol
from reseen.viewer.security import AuthMiddleware
from reseen.viewer.templating import router as assets
from reseen.viewer.templating import show
from reseen.viewer.viewer import Viewer


def make_app(viewer: Viewer, access: Access, host: str = "127.0.0.1", journal: Path | None = None) -> FastAPI:
    """The application over a gallery.

    Args:
        viewer: what is shown.
        access: who may look.
        host: the address that the server is bound to.
        journal: where mends are noted; beside the gallery when not given.

    Raises:
        GalleryError: the journal is damaged.
        StorageError: the journal or the store cannot be written.
    """
    app = FastAPI(
        title="reseen viewer",
        description="Send the secret that `reseen view` printed as Authorization: Bearer.",
        version=version("reseen"),
        docs_url=None,  # FastAPI's own pages fetch scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
    )
    app.state.viewer, app.state.access, app.state.pages = viewer, access, PAGES
    app.state.maps, app.state.plans = Maps(viewer.address), DeletionPlans()
    app.state.notes = FlashMessages()
    app.state.editor = Editor(viewer, Journal(journal or edits_file(viewer.address)))
    viewer.after_drop.append(app.state.editor.forgotten)
    for router in (assets, door.router, pictures.router, actions.router, *(page.router for page in PAGES)):
        app.include_router(router)
    for router in PROGRAMS:
        app.include_router(router, prefix="/api")
    app.add_exception_handler(ReseenError, _explain)
    app.add_exception_handler(RequestValidationError, _explain)
    app.add_exception_handler(EditError, _explain)
    app.add_exception_handler(HTTPException, _explain)
    app.add_middleware(AuthMiddleware, access=access, names=AllowedHosts(host))
    return app


def _explain(request: Request, error: Exception) -> Response:
    """One sentence for what went wrong: a page for people, JSON for programs."""
    status, words = _words(error)
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": words}, status)
    return show(request, "error.html.j2", status=status, words=words)


def _words(error: Exception) -> tuple[int, str]:
    if isinstance(error, HTTPException):
        return error.status_code, str(error.detail)
    if isinstance(error, RequestValidationError):
        places = ", ".join(
            f"{'.'.join(map(str, fault['loc'][1:])) or fault['loc'][0]}: {fault['msg']}"
            for fault in error.errors()
        )
        return 422, f"the request does not fit: {places}"
    if isinstance(error, StorageError):
        return 507, str(error)
    return (409 if isinstance(error, StaleError) else 422), str(error)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 is any that is free.

    Raises:
        SettingsError: the address is not of this machine, or the port is taken.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}, port {port} ({error.strerror or error}); choose another --host or --port"
        ) from None
    return made


def address_of(listening: socket.socket, host: str) -> str:
    """Where a browser finds the server, without the token."""
    name = {"": "localhost", "0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{listening.getsockname()[1]}"


def make_server(app: FastAPI) -> uvicorn.Server:
    """A server that logs no request: the first one's address holds the token."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=2,
            http=PatientProtocol,
        )
    )


def serve(
    app: FastAPI,
    access: Access,
    listening: socket.socket,
    host: str,
    say: Callable[[str], None],
    browser: bool,
) -> None:
    """Serve until Ctrl-C."""
    entrance = f"{address_of(listening, host)}/?token={access.entrance}"
    say(f"Open {entrance}")
    secret = f"the secret: {access.secret}" if access.drawn else "the secret that you gave"
    say(f"It works once. Programs, and browsers that come later, send {secret}")
    say("Ctrl-C ends.")
    if browser:
        opener = Timer(0.5, webbrowser.open, [entrance])
        opener.daemon = True
        opener.start()
    try:
        make_server(app).run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn has ended its connections and passes the signal on
        pass
    finally:
        listening.close()

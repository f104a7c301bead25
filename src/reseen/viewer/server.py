"""The application: the gate around pages and the interface for programs."""

from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from reseen.errors import ReseenError, StorageError
from reseen.viewer.access import Access
from reseen.viewer.assets import router as assets
from reseen.viewer.forgetting import Plans
from reseen.viewer.maps import Maps
from reseen.viewer.mends.journal import Journal, mends_file
from reseen.viewer.mends.mender import Mender, MendError, StaleError
from reseen.viewer.names import Names
from reseen.viewer.notes import Notes
from reseen.viewer.pages import PAGES, actions, door, pictures
from reseen.viewer.programs import PROGRAMS
from reseen.viewer.security import Gate
from reseen.viewer.show import show
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
    app.state.maps, app.state.plans = Maps(viewer.address), Plans()
    app.state.notes = Notes()
    app.state.mender = Mender(viewer, Journal(journal or mends_file(viewer.address)))
    viewer.after_drop.append(app.state.mender.forgotten)
    for router in (assets, door.router, pictures.router, actions.router, *(page.router for page in PAGES)):
        app.include_router(router)
    for router in PROGRAMS:
        app.include_router(router, prefix="/api")
    app.add_exception_handler(ReseenError, _explain)
    app.add_exception_handler(RequestValidationError, _explain)
    app.add_exception_handler(MendError, _explain)
    app.add_exception_handler(HTTPException, _explain)
    app.add_middleware(Gate, access=access, names=Names(host))
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

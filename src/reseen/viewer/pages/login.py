"""How one comes in: by the address that works once, or by typing the secret."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.viewer.access import Access
from reseen.viewer.templating import show

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, token: str | None = None) -> Response:
    """Exchange the token of the address for a session, or go to the first page."""
    if token is None:
        return RedirectResponse(request.app.state.pages[0].path, 303)
    access: Access = request.app.state.access
    session = access.enter(token)
    if session is not None:
        return _enter(access, session)
    return show(
        request, "enter.html.j2", status=401, problem="That address has been used, or is not of this run."
    )


@router.get("/welcome")
def welcome(request: Request) -> Response:
    """A step between: where the link was clicked on another site, the browser sends the new cookie only from here."""
    return show(request, "welcome.html.j2")


@router.get("/enter")
def login_page(request: Request) -> Response:
    """The way in for those who have lost their session."""
    return show(request, "enter.html.j2", problem="")


@router.post("/enter")
def log_in(request: Request, secret: Annotated[str, Form(max_length=500)] = "") -> Response:
    """Exchange the secret for a session."""
    access: Access = request.app.state.access
    session = access.enter_by_secret(secret.strip())
    if session is not None:
        return _enter(access, session)
    return show(request, "enter.html.j2", status=401, problem="That is not the secret of this viewer.")


def _enter(access: Access, session: str) -> Response:
    answer = RedirectResponse("/welcome", 303)
    answer.set_cookie(access.cookie, session, httponly=True, samesite="strict", path="/")
    return answer

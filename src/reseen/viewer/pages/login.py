"""Login, by the one-time token of the printed address or by the API secret."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.viewer.security import Access
from reseen.viewer.templating import render

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, token: str | None = None) -> Response:
    """Exchange the one-time token for a session; without a token, redirect to people, or clusters if there are none."""
    if token is None:
        return RedirectResponse("/people" if len(request.app.state.editor.people) else "/clusters", 303)
    access: Access = request.app.state.access
    session = access.log_in(token)
    if session is not None:
        return _start_session(access, session)
    return render(
        request,
        "login.html.j2",
        status=401,
        problem="This address was already used, or belongs to an earlier start of the viewer.",
    )


@router.get("/welcome")
def welcome(request: Request) -> Response:
    """Intermediate page after login.

    After a click on a link of another site, browsers send a SameSite=Strict cookie only with the next request.
    """
    return render(request, "welcome.html.j2")


@router.get("/login")
def login_page(request: Request) -> Response:
    """The login page, for users without a session."""
    return render(request, "login.html.j2", problem="")


@router.post("/login")
def log_in(request: Request, secret: Annotated[str, Form(max_length=500)] = "") -> Response:
    """Exchange the secret for a session."""
    access: Access = request.app.state.access
    session = access.log_in_with_secret(secret.strip())
    if session is not None:
        return _start_session(access, session)
    return render(request, "login.html.j2", status=401, problem="Wrong secret.")


def _start_session(access: Access, session: str) -> Response:
    response = RedirectResponse("/welcome", 303)
    response.set_cookie(access.cookie, session, httponly=True, samesite="strict", path="/")
    return response

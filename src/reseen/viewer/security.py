"""The gate that every request passes before a page sees it.

In this order: the Host header names this machine (a page elsewhere may have bent its own name to this address), the
request has a session or the secret, and a change comes from a page of this server. Answers get the headers that keep
scripts, frames and other sites out. A body is cut off at `MOST_BODY` bytes.
"""

import asyncio
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reseen.viewer.access import Access, AllowedHosts

MOST_BODY = 32_000_000
"""Bytes of a request."""

BODY_SECONDS = 60.0
"""How long a part of a request is waited for."""

OPEN = ("/enter", "/welcome", "/static/style.css", "/static/icon.svg")
"""What is answered without a session: the door and what it looks like. Nothing of the gallery."""

_READING = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class AuthMiddleware:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, access: Access, names: AllowedHosts) -> None:
        self._app, self._access, self._names = app, access, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application answer."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refuse(scope, headers)

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    answer[name] = value
                if "cache-control" not in answer:
                    answer["Cache-Control"] = "no-store"
            await send(message)

        if refused is not None:
            await refused(scope, receive, sealed)
            return
        await self._app(scope, _Body(receive), sealed)

    def _refuse(self, scope: Scope, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self._names:
            return PlainTextResponse("This viewer does not answer to that name.\n", 421)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 20 or int(length) > MOST_BODY:
            return _too_large()
        by_secret = self._access.knows_secret(headers.get("authorization", ""))
        if scope["method"] not in _READING and not _from_here(headers, hosts[0], by_secret):
            return PlainTextResponse("Changes are made from pages of this viewer alone.\n", 403)
        path = scope["path"]
        if path in OPEN or (path == "/" and b"token=" in scope["query_string"]):
            return None
        if by_secret or self._access.knows_session(_cookie(headers, self._access.cookie)):
            return None
        if "text/html" in headers.get("accept", "") and scope["method"] == "GET":
            return Response(status_code=303, headers={"Location": "/enter"})
        return PlainTextResponse(
            "Enter by the address that `reseen view` printed, or send its secret as Authorization: Bearer.\n",
            401,
            {"WWW-Authenticate": "Bearer"},
        )


def _from_here(headers: Headers, host: str, by_secret: bool) -> bool:
    """Whether a change was asked for by a page of this server, or by a program, which no page can make pass as one."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None and origin is None:
        return by_secret
    if site is not None and site != "same-origin":
        return False
    return origin is None or _place_of(origin) == host.lower()


def _place_of(origin: str) -> str | None:
    """Name and port in an Origin header; None where it is no address, such as `http://[`."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _cookie(headers: Headers, name: str) -> str:
    return cookie_parser(headers.get("cookie", "")).get(name, "")


def _too_large() -> Response:
    return PlainTextResponse(
        f"At most {MOST_BODY // 1_000_000} MB are taken.\n", 413, {"Connection": "close"}
    )


class _Body:
    """The request's body, counted and timed: one that is sent in parts need not say its length, nor ever end."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._bytes, self._whole = receive, 0, False

    async def __call__(self) -> Message:
        if self._whole:  # what comes now is that the browser has gone
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), BODY_SECONDS)
        except TimeoutError:
            raise HTTPException(408, f"nothing of the request came for {BODY_SECONDS:.0f} seconds") from None
        self._whole = not message.get("more_body", False)
        self._bytes += len(message.get("body", b""))
        if self._bytes > MOST_BODY:
            raise HTTPException(413, f"at most {MOST_BODY // 1_000_000} MB are taken")
        return message

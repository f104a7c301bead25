"""Access control: middleware that authenticates every request and adds security headers to every response.

Access is by the one-time login token, a session, or the API secret. The middleware rejects, in this order: a Host
header that is not allowed (DNS rebinding), a body that is too large, a state-changing request from another site (CSRF),
and a request without a session or the API secret. Bodies are limited to `MAX_BODY_BYTES` while they are read, too.
"""

import asyncio
import hashlib
import ipaddress
import secrets
import socket
from hmac import compare_digest
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reseen.errors import SettingsError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class AllowedHosts:
    """Host names that the server accepts in a Host header.

    Rejecting all others prevents DNS rebinding. The port is not compared, because an SSH tunnel may use another one.
    """

    def __init__(self, host: str) -> None:
        """Accept `host`, the address the server is bound to, and the loopback names."""
        self._all_interfaces = host in ("", "0.0.0.0", "::")
        self._names = {host.lower().strip("[]"), *_LOOPBACK}
        if self._all_interfaces:
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    def __contains__(self, header: str) -> bool:
        name = _without_port(header).lower()
        return name in self._names or (self._all_interfaces and _is_ip_address(name))


def is_loopback(host: str) -> bool:
    """Whether an address that a server is bound to is reachable from this machine only."""
    return host in _LOOPBACK or host.startswith("127.")


def _without_port(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _is_ip_address(name: str) -> bool:
    """Whether a host is an IP address, which involves no DNS lookup and so cannot be rebound."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


_MIN_SECRET_LENGTH = 16
_MAX_SESSIONS = 100


class Access:
    """Secrets and sessions of one running viewer, held in memory only."""

    def __init__(self, secret: str | None = None) -> None:
        """Generate the secrets.

        Args:
            secret: the API secret, at least 16 characters out of letters, digits, `-` and `_`; generated when None.

        Raises:
            SettingsError: `secret` is shorter or has other characters.
        """
        if secret is not None and (
            len(secret) < _MIN_SECRET_LENGTH
            or not secret.isascii()
            or not secret.replace("-", "").replace("_", "").isalnum()
        ):
            raise SettingsError(
                f"--token must have at least {_MIN_SECRET_LENGTH} characters, only letters, digits, - and _, and "
                "should not be used elsewhere; omit it to generate one"
            )
        self.secret = secret or secrets.token_urlsafe(32)
        """Bearer token of the API; also accepted on the login page."""
        self.secret_is_generated = secret is None
        """Whether the secret was generated here. A secret chosen by the user is never printed."""
        self.login_token: str | None = secrets.token_urlsafe(32)
        """One-time token of the printed address; None once it was used."""
        self.cookie = "reseen-" + hashlib.sha256(secrets.token_bytes(16)).hexdigest()[:8]
        """Name of the session cookie. It is random, because servers on other ports of a host share cookies."""
        self._sessions: dict[str, None] = {}

    def log_in(self, token: str) -> str | None:
        """Exchange the one-time token for a new session and invalidate it; None for any other token."""
        if self.login_token is None or not _equal(token, self.login_token):
            return None
        self.login_token = None
        return self._new_session()

    def log_in_with_secret(self, secret: str) -> str | None:
        """Exchange the API secret for a new session; None for any other text."""
        return self._new_session() if _equal(secret, self.secret) else None

    def has_session(self, session: str) -> bool:
        """Whether a session id belongs to this viewer."""
        return any(_equal(session, known) for known in tuple(self._sessions))

    def accepts_authorization(self, header: str) -> bool:
        """Whether an Authorization header holds the API secret as a bearer token."""
        scheme, _, credentials = header.partition(" ")
        return scheme.lower() == "bearer" and _equal(credentials.strip(), self.secret)

    def _new_session(self) -> str:
        session = secrets.token_urlsafe(32)
        self._sessions[session] = None
        while len(self._sessions) > _MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        return session


def _equal(candidate: str, known: str) -> bool:
    """Compare in constant time."""
    return compare_digest(candidate.encode("utf-8", "replace"), known.encode())


MAX_BODY_BYTES = 32_000_000
"""Limit on a request body."""

BODY_SECONDS = 60.0
"""Timeout for each chunk of a request body."""

PUBLIC_PATHS = ("/login", "/welcome", "/static/style.css", "/static/icon.svg")
"""Paths that need no session: the login page and its assets, which show nothing of the gallery."""

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
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
    """ASGI middleware for access control of the whole application."""

    def __init__(self, app: ASGIApp, access: Access, allowed_hosts: AllowedHosts) -> None:
        self._app, self._access, self._allowed_hosts = app, access, allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a rejected request, or pass it on to the application."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        rejection = self._reject(scope, headers)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                response_headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    response_headers[name] = value
                if "cache-control" not in response_headers:
                    response_headers["Cache-Control"] = "no-store"
            await send(message)

        if rejection is not None:
            await rejection(scope, receive, send_with_headers)
            return
        await self._app(scope, _LimitedBody(receive), send_with_headers)

    def _reject(self, scope: Scope, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self._allowed_hosts:
            return PlainTextResponse("The Host header does not name this server.\n", 421)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 20 or int(length) > MAX_BODY_BYTES:
            return _too_large()
        by_secret = self._access.accepts_authorization(headers.get("authorization", ""))
        if scope["method"] not in _SAFE_METHODS and not _is_same_origin(headers, hosts[0], by_secret):
            return PlainTextResponse("Cross-site requests are rejected.\n", 403)
        path = scope["path"]
        if path in PUBLIC_PATHS or (path == "/" and b"token=" in scope["query_string"]):
            return None
        if by_secret or self._access.has_session(_cookie(headers, self._access.cookie)):
            return None
        if "text/html" in headers.get("accept", "") and scope["method"] == "GET":
            return Response(status_code=303, headers={"Location": "/login"})
        return PlainTextResponse(
            "Not logged in: open the address printed by `reseen view`, or send its secret as Authorization: Bearer.\n",
            401,
            {"WWW-Authenticate": "Bearer"},
        )


def _is_same_origin(headers: Headers, host: str, by_secret: bool) -> bool:
    """Whether a state-changing request comes from a page of this server, or from an API client.

    Browsers send Sec-Fetch-Site or Origin with every such request, so one with neither comes from an API client, which
    must send the secret.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None and origin is None:
        return by_secret
    if site is not None and site != "same-origin":
        return False
    return origin is None or _netloc(origin) == host.lower()


def _netloc(origin: str) -> str | None:
    """Host and port of an Origin header; None if it is not a valid URL, such as `http://[`."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _cookie(headers: Headers, name: str) -> str:
    return cookie_parser(headers.get("cookie", "")).get(name, "")


def _too_large() -> Response:
    return PlainTextResponse(
        f"The request is larger than {MAX_BODY_BYTES // 1_000_000} MB.\n", 413, {"Connection": "close"}
    )


class _LimitedBody:
    """Request body with a size limit and a timeout, because a chunked body need not declare its length, nor end."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._bytes, self._complete = receive, 0, False

    async def __call__(self) -> Message:
        if self._complete:  # the next message is http.disconnect
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), BODY_SECONDS)
        except TimeoutError:
            raise HTTPException(408, f"timeout: no data received for {BODY_SECONDS:.0f} seconds") from None
        self._complete = not message.get("more_body", False)
        self._bytes += len(message.get("body", b""))
        if self._bytes > MAX_BODY_BYTES:
            raise HTTPException(413, f"the request is larger than {MAX_BODY_BYTES // 1_000_000} MB")
        return message

"""Which names in a request's Host header are this machine's: others were made to point here by somebody else.

Who may look: a token in the address that works once, a session in a cookie, a secret for programs.
"""

import hashlib
import ipaddress
import secrets
import socket
from hmac import compare_digest

from reseen.errors import SettingsError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class AllowedHosts:
    """The names a server answers to. The port is not compared: a tunnel may have another at its other end."""

    def __init__(self, host: str) -> None:
        """Take the address the server is bound to."""
        self._everywhere = host in ("", "0.0.0.0", "::")
        self._known = {host.lower().strip("[]"), *_LOOPBACK}
        if self._everywhere:
            self._known |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    def __contains__(self, header: str) -> bool:
        name = _without_port(header).lower()
        return name in self._known or (self._everywhere and _is_number(name))


def is_loopback(host: str) -> bool:
    """Whether a bound address can be reached from this machine alone."""
    return host in _LOOPBACK or host.startswith("127.")


def _without_port(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _is_number(name: str) -> bool:
    """An address in numbers was not looked up anywhere, so nobody can have bent it."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


_SHORTEST = 16
_MOST_SESSIONS = 100


class Access:
    """The secrets of one running viewer. They live in memory and end with it."""

    def __init__(self, secret: str | None = None) -> None:
        """Draw the secrets; `secret` is one of the user's own for programs, of at least 16 letters, digits, `-`, `_`.

        Raises:
            SettingsError: it is shorter, or has other signs.
        """
        if secret is not None and (
            len(secret) < _SHORTEST
            or not secret.isascii()
            or not secret.replace("-", "").replace("_", "").isalnum()
        ):
            raise SettingsError(
                f"--token needs at least {_SHORTEST} letters, digits, - or _, and should be used nowhere else; "
                "leave it out to have one drawn"
            )
        self.secret = secret or secrets.token_urlsafe(32)
        """What programs send as `Authorization: Bearer`, and what a person may type who has lost the session."""
        self.drawn = secret is None
        """Whether the secret was drawn here; one of the user's own is known to them and never shown."""
        self.entrance: str | None = secrets.token_urlsafe(32)
        """The token of the printed address; None once it was used."""
        self.cookie = "reseen-" + hashlib.sha256(secrets.token_bytes(16)).hexdigest()[:8]
        """Name of the cookie: servers on other ports of this machine share the jar, so each has its own."""
        self._sessions: dict[str, None] = {}

    def enter(self, token: str) -> str | None:
        """A new session for the token of the address, which is void afterwards; None for any other text."""
        if self.entrance is None or not _same(token, self.entrance):
            return None
        self.entrance = None
        return self._begin()

    def enter_by_secret(self, secret: str) -> str | None:
        """A new session for a person who types the secret of programs; None for any other text."""
        return self._begin() if _same(secret, self.secret) else None

    def knows_session(self, session: str) -> bool:
        """Whether a cookie is of this viewer."""
        return any(_same(session, known) for known in tuple(self._sessions))

    def knows_secret(self, header: str) -> bool:
        """Whether an Authorization header holds the secret."""
        scheme, _, given = header.partition(" ")
        return scheme.lower() == "bearer" and _same(given.strip(), self.secret)

    def _begin(self) -> str:
        session = secrets.token_urlsafe(32)
        self._sessions[session] = None
        while len(self._sessions) > _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        return session


def _same(given: str, known: str) -> bool:
    return compare_digest(given.encode("utf-8", "replace"), known.encode())

"""Access control: the Host headers that are accepted, the one-time login token, sessions, and the API secret."""

import hashlib
import ipaddress
import secrets
import socket
from hmac import compare_digest

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

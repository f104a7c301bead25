"""Which names in a request's Host header are this machine's: others were made to point here by somebody else."""

import ipaddress
import socket

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Names:
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

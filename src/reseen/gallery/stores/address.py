"""Parsing of server addresses, and their display without passwords."""

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from reseen.errors import GalleryError


@dataclass(frozen=True)
class ServerAddress:
    """Components of `scheme://user:password@host:port/name?option=value`, percent-decoded."""

    scheme: str
    user: str | None
    password: str | None
    host: str | None
    port: int | None
    name: str
    options: dict[str, str]

    def redacted(self) -> str:
        """The address for messages and descriptions: without user, password and options other than `table`."""
        host = "" if self.host is None else f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        table = f"?table={self.options['table']}" if "table" in self.options else ""
        return f"{self.scheme}://{host}{port}/{self.name}{table}"


def parse_address(address: str, pattern: str, options: tuple[str, ...] = ()) -> ServerAddress:
    """Parse a server address.

    Args:
        address: the address, as the user gave it.
        pattern: what a valid address looks like, for the error.
        options: names of the options allowed after `?`.

    Raises:
        GalleryError: the address is invalid. The message does not repeat it, because it may contain a password.
    """
    invalid = GalleryError(f"the address must look like {pattern}; write special characters in it as %XX")
    try:
        parts = urlsplit(address)
        query = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        port = parts.port
    except ValueError:
        raise invalid from None
    name = unquote(parts.path.strip("/"))
    if unknown := sorted(set(query) - set(options)):
        raise GalleryError(
            f"the address has an unknown option {unknown[0]!r}; known are {', '.join(options) or 'none'}, as in "
            f"{pattern}"
        )
    if not name or "/" in name or parts.fragment:
        raise invalid
    return ServerAddress(
        parts.scheme,
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
        parts.hostname,
        port,
        name,
        {key: values[-1] for key, values in query.items()},
    )

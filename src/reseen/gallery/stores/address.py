"""Addresses of galleries on servers: read, and shown without their passwords."""

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from reseen.errors import GalleryError


@dataclass(frozen=True)
class ServerAddress:
    """`scheme://user:password@host:port/name?option=value`, in parts."""

    scheme: str
    user: str | None
    password: str | None
    host: str | None
    port: int | None
    name: str
    options: dict[str, str]

    def shown(self) -> str:
        """The address as errors and descriptions show it: without password or options that may hold one."""
        host = "" if self.host is None else f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        table = f"?table={self.options['table']}" if "table" in self.options else ""
        return f"{self.scheme}://{host}{port}/{self.name}{table}"


def read_address(address: str, form: str, options: tuple[str, ...] = ()) -> ServerAddress:
    """Take an address apart.

    Args:
        address: What a person gave.
        form: How a right one looks, for the error.
        options: Names of the options that may follow `?`.

    Raises:
        GalleryError: it is no such address. The error does not repeat the address, which may hold a password.
    """
    wrong = GalleryError(f"an address of this kind must look like {form}; write special letters in it as %XX")
    try:
        parts = urlsplit(address)
        found = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        port = parts.port
    except ValueError:
        raise wrong from None
    name = unquote(parts.path.strip("/"))
    if unknown := sorted(set(found) - set(options)):
        raise GalleryError(
            f"the address has an option {unknown[0]!r}; known are {', '.join(options) or 'none'}, as in {form}"
        )
    if not name or "/" in name or parts.fragment:
        raise wrong
    return ServerAddress(
        parts.scheme,
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
        parts.hostname,
        port,
        name,
        {key: values[-1] for key, values in found.items()},
    )

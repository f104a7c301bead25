"""Listen, say where, open the browser, end on Ctrl-C."""

import socket
import webbrowser
from collections.abc import Callable
from threading import Timer

import uvicorn
from fastapi import FastAPI

from reseen.errors import SettingsError
from reseen.viewer.access import Access


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 is any that is free.

    Raises:
        SettingsError: the address is not of this machine, or the port is taken.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}, port {port} ({error.strerror or error}); choose another --host or --port"
        ) from None
    return made


def address_of(listening: socket.socket, host: str) -> str:
    """Where a browser finds the server, without the token."""
    name = {"": "localhost", "0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{listening.getsockname()[1]}"


def make_server(app: FastAPI) -> uvicorn.Server:
    """A server that logs no request: the first one's address holds the token."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
    )


def serve(
    app: FastAPI,
    access: Access,
    listening: socket.socket,
    host: str,
    say: Callable[[str], None],
    browser: bool,
) -> None:
    """Serve until Ctrl-C."""
    entrance = f"{address_of(listening, host)}/?token={access.entrance}"
    say(f"Open {entrance}")
    say(f"It works once. Programs, and browsers that come later, send the secret: {access.secret}")
    say("Ctrl-C ends.")
    if browser:
        opener = Timer(0.5, webbrowser.open, [entrance])
        opener.daemon = True
        opener.start()
    try:
        make_server(app).run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn has ended its connections and passes the signal on
        pass
    finally:
        listening.close()

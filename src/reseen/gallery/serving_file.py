"""The file by which a running viewer says where it can be reached: beside the gallery, readable by its user alone.

While `reseen view` has a gallery open, other commands of the same user find its address and secret there, and work
through it instead of being refused.
"""

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from reseen.errors import StorageError
from reseen.files import open_regular, storage_error
from reseen.locks import LOCK, holder_of

SERVING = "serving.json"
"""Name of the file in the gallery's folder."""

_MAX_BYTES = 4096


@dataclass(frozen=True)
class ServingProcess:
    """A process that serves a gallery on this machine."""

    url: str
    """Such as `http://127.0.0.1:8000`, without a trailing slash."""
    secret: str
    """Bearer token of its API."""
    process: str
    """Its ID."""


def write_serving_file(folder: Path, url: str, secret: str) -> Path:
    """Write the file for this process; nobody else may read it. Call `remove_serving_file` at the end.

    Raises:
        StorageError: the folder cannot be written.
    """
    file = folder / SERVING
    content = {"url": url, "secret": secret, "process": str(os.getpid())}
    try:
        file.unlink(missing_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(json.dumps(content).encode())
    except OSError as error:
        raise storage_error(file, error) from None
    return file


def remove_serving_file(folder: Path) -> None:
    """Remove the file; does nothing if it is not there."""
    (folder / SERVING).unlink(missing_ok=True)


def serving_process(folder: Path) -> ServingProcess | None:
    """The process that serves the gallery in a folder; None if none does, or if its file cannot be trusted.

    The file counts only while the process that it names holds the gallery's lock, and only if it belongs to this user
    and nobody else can read or write it: crops are sent where it points.
    """
    try:
        descriptor = open_regular(folder / SERVING, os.O_RDONLY)
    except StorageError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        content = file.read(_MAX_BYTES)
    shared = stat.S_IMODE(status.st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
    if os.name != "nt" and (status.st_uid != os.geteuid() or shared):
        return None
    try:
        values = json.loads(content)
        found = ServingProcess(values["url"], values["secret"], values["process"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    texts = (found.url, found.secret, found.process)
    if not all(isinstance(text, str) and text.isascii() and text.isprintable() for text in texts):
        return None
    is_holder = holder_of(folder / LOCK) == found.process
    return found if is_holder and found.url.startswith("http://") else None

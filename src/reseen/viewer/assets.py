"""Style sheets, scripts and the icon: read once, sent by name from a list, never by path."""

import hashlib
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

router = APIRouter()


@router.get("/static/{name}", include_in_schema=False)
def asset(name: str) -> Response:
    """A file of the viewer's own."""
    found = _assets().get(name)
    if found is None:
        raise HTTPException(404, "no such file")
    content, kind, _ = found
    return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})


def asset_address(name: str) -> str:
    """The address of a file in `static/`, which changes with its content, so that browsers keep no old one."""
    return f"/static/{name}?{_assets()[name][2]}"


@cache
def _assets() -> dict[str, tuple[bytes, str, str]]:
    found = {}
    for file in files("reseen.viewer").joinpath("static").iterdir():
        content = file.read_bytes()
        kind = _KINDS[f".{file.name.rpartition('.')[2]}"]
        found[file.name] = content, kind, hashlib.sha256(content).hexdigest()[:12]
    return found

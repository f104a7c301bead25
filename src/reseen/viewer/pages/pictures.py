"""Thumbnails, by key alone. The gate adds `no-store`: no browser keeps a face that is forgotten here."""

from fastapi import APIRouter, HTTPException
from fastapi.responses import RedirectResponse, Response

from reseen.viewer.templating import ThisViewer, asset_address

router = APIRouter(include_in_schema=False)


@router.get("/thumbnails/{key}.jpg")
def picture(viewer: ThisViewer, key: str) -> Response:
    """The JPEG of an entry; a drawn figure where none is kept."""
    if key not in viewer.now.collection.rows:
        raise HTTPException(404, "no entry has this key")
    jpeg = viewer.thumbnails.get(key)
    if not jpeg:
        return RedirectResponse(asset_address("nobody.svg"), 302)
    return Response(jpeg, media_type="image/jpeg")

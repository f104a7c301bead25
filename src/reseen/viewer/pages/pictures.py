"""Thumbnails by key. The middleware adds `no-store`, so that no browser caches an image that is deleted later."""

from fastapi import APIRouter, HTTPException
from fastapi.responses import RedirectResponse, Response

from reseen.viewer.templating import ViewerDep, asset_url

router = APIRouter(include_in_schema=False)


@router.get("/thumbnails/{key}.jpg")
def picture(viewer: ViewerDep, key: str) -> Response:
    """The JPEG of an entry, or a redirect to a placeholder if it has none."""
    if key not in viewer.snapshot.collection.rows:
        raise HTTPException(404, "there is no entry with this key")
    jpeg = viewer.thumbnails.get(key)
    if not jpeg:
        return RedirectResponse(asset_url("placeholder.svg"), 302)
    return Response(jpeg, media_type="image/jpeg")

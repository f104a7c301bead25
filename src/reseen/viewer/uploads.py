"""Multipart forms with uploaded images, parsed in memory: uploads are never written to disk."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from reseen.errors import DataError
from reseen.viewer.security import MAX_BODY_BYTES

MAX_IMAGE_BYTES = 16_000_000

MAX_IMAGES = 12
"""Images in one form."""


class _InMemoryParser(MultiPartParser):
    """Starlette's parser without spooling, which by default moves large parts to temporary files."""

    spool_max_size = MAX_BODY_BYTES + 1


async def _read_form(request: Request) -> FormData:
    content_type = request.headers.get("content-type", "")
    if not content_type.startswith("multipart/form-data"):
        return await FormParser(request.headers, request.stream()).parse()
    try:
        return await _InMemoryParser(
            request.headers, request.stream(), max_files=MAX_IMAGES, max_fields=2000
        ).parse()
    except MultiPartException as error:
        raise DataError(f"invalid multipart form ({error.message}); send it again") from None
    except KeyError as error:
        raise DataError(f"invalid multipart form ({error}); send it again") from None


FormDep = Annotated[FormData, Depends(_read_form)]
"""Dependency: the form of the request."""


async def read_uploaded_image(form: FormData, name: str = "image") -> bytes | None:
    """Content of the (first) file in the field `name`; None if no file was chosen.

    Raises:
        DataError: a file is empty or larger than `MAX_IMAGE_BYTES`.
    """
    images = await read_uploaded_images(form, name)
    return images[0] if images else None


async def read_uploaded_images(form: FormData, name: str = "image") -> list[bytes]:
    """Content of every file in the field `name`; empty if no file was chosen.

    Raises:
        DataError: a file is empty or larger than `MAX_IMAGE_BYTES`.
    """
    files = [
        file for file in form.getlist(name) if isinstance(file, UploadFile) and (file.filename or file.size)
    ]
    return [await _read_content(file) for file in files]


async def _read_content(file: UploadFile) -> bytes:
    content = await file.read(MAX_IMAGE_BYTES + 1)
    await file.close()
    if not content:
        raise DataError("the image file is empty; choose another one")
    if len(content) > MAX_IMAGE_BYTES:
        raise DataError(
            f"the image is larger than {MAX_IMAGE_BYTES // 1_000_000} MB; upload a crop of one person"
        )
    return content

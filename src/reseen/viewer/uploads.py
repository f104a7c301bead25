"""Forms with a file in them, read into memory: nothing that is sent here ever reaches a disk."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from reseen.errors import DataError
from reseen.viewer.security import MOST_BODY

MOST_BYTES = 16_000_000
"""Bytes of an image."""

MOST_IMAGES = 12
"""Images of one form."""


class _InMemory(MultiPartParser):
    """Starlette's parser, which moves large parts into temporary files unless told otherwise."""

    spool_max_size = MOST_BODY + 1


async def _read(request: Request) -> FormData:
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return await FormParser(request.headers, request.stream()).parse()
    try:
        return await _InMemory(
            request.headers, request.stream(), max_files=MOST_IMAGES, max_fields=2000
        ).parse()
    except (MultiPartException, KeyError) as error:
        raise DataError(
            f"the form cannot be read ({getattr(error, 'message', error)}); send it again"
        ) from None


SentForm = Annotated[FormData, Depends(_read)]
"""A parameter of this type is the form of a request."""


async def sent_image(form: FormData, name: str = "image") -> bytes | None:
    """The bytes of the file in a field; None where none was chosen.

    Raises:
        DataError: it is empty or larger than `MOST_BYTES`.
    """
    images = await sent_images(form, name)
    return images[0] if images else None


async def sent_images(form: FormData, name: str = "image") -> list[bytes]:
    """The bytes of every file in a field; none where none was chosen.

    Raises:
        DataError: one is empty or larger than `MOST_BYTES`.
    """
    files = [
        file for file in form.getlist(name) if isinstance(file, UploadFile) and (file.filename or file.size)
    ]
    return [await _content(file) for file in files]


async def _content(file: UploadFile) -> bytes:
    content = await file.read(MOST_BYTES + 1)
    await file.close()
    if not content:
        raise DataError("the image is an empty file; choose another")
    if len(content) > MOST_BYTES:
        raise DataError(
            f"the image has more than {MOST_BYTES // 1_000_000} MB; a crop of one person is enough, give a smaller one"
        )
    return content

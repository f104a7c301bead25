"""Forms with a file in them, read into memory: nothing that is sent here ever reaches a disk."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from reseen.errors import DataError
from reseen.viewer.security import MOST_BODY

MOST_BYTES = 16_000_000
"""Bytes of an image."""


class _InMemory(MultiPartParser):
    """Starlette's parser, which moves large parts into temporary files unless told otherwise."""

    spool_max_size = MOST_BODY + 1


async def _read(request: Request) -> FormData:
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return await FormParser(request.headers, request.stream()).parse()
    try:
        return await _InMemory(request.headers, request.stream(), max_files=1, max_fields=200).parse()
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
    file = form.get(name)
    if not isinstance(file, UploadFile) or (not file.filename and not file.size):
        return None
    content = await file.read(MOST_BYTES + 1)
    await file.close()
    if not content:
        raise DataError("the image is an empty file; choose another")
    if len(content) > MOST_BYTES:
        raise DataError(
            f"the image has more than {MOST_BYTES // 1_000_000} MB; a crop of one person is enough, give a smaller one"
        )
    return content

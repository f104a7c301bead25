"""The record of copies: files and folders outside a store that hold data of its crops, so that deletion finds them."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from reseen.data.pixel_cache import is_unreachable
from reseen.errors import GalleryError, StorageError
from reseen.files import append_line
from reseen.gallery.side_files import side_file

NAME = "copies.jsonl"

CopyKind = Literal["pixels", "features", "map", "answers", "page"]
"""`pixels`: a cache folder of decoded crops; `features`: one of their embeddings; `map`: a folder of map coordinates;
`answers`: a file of same/different answers that names crops by path; `page`: a file for people, such as a contact
sheet, with thumbnails or names of crops."""


@dataclass(frozen=True)
class Copy:
    """A file or folder outside the store."""

    kind: CopyKind
    path: str
    """Absolute path."""
    device: int
    """`st_dev` of its disk when it was recorded."""
    source: str = ""
    """For `answers`: the folder that paths are relative to."""
    keys: tuple[str, ...] = ()
    """For `page`: keys of the crops on it."""

    @property
    def unreachable(self) -> bool:
        """Whether it is missing because its disk is not mounted."""
        return is_unreachable(Path(self.path), self.device)


def record_copy(
    address: str, kind: CopyKind, path: str | Path, *, source: str = "", keys: Iterable[str] = ()
) -> None:
    """Record that a file or folder holds data of a gallery's crops; duplicates are not added.

    Raises:
        GalleryError: the record is damaged.
        StorageError: the record cannot be written.
    """
    if address == "memory:" and kind == "page":
        return
    absolute = Path(path).absolute()
    existing = next(folder for folder in (absolute, *absolute.parents) if folder.exists())
    copy = Copy(kind, str(absolute), existing.stat().st_dev, source, tuple(keys))
    if copy not in recorded_copies(address):
        append_line(side_file(address, NAME), json.dumps(asdict(copy)))


def record_page(address: str, file: Path, keys: Iterable[str]) -> None:
    """Record that a page shows the given crops; skipped if the gallery is read-only."""
    with suppress(StorageError):
        record_copy(address, "page", file, keys=keys)


def recorded_copies(address: str) -> list[Copy]:
    """All recorded copies, oldest first; a last line truncated by a crash is ignored.

    Raises:
        GalleryError: any other line is damaged.
    """
    file = side_file(address, NAME)
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    copies = []
    for number, line in enumerate(lines, start=1):
        try:
            copies.append(_parse(json.loads(line)))
        except (ValueError, TypeError, KeyError, RecursionError):
            if number < len(lines):
                raise GalleryError(
                    f"{file}, line {number}: damaged; restore it, or deletion would miss copies of crops"
                ) from None
    return copies


def _parse(values: dict) -> Copy:
    copy = Copy(**values | {"keys": tuple(values["keys"])})
    texts = (copy.path, copy.source, *copy.keys)
    if copy.kind not in get_args(CopyKind) or not isinstance(copy.device, int):
        raise ValueError("not a copy")
    if not all(isinstance(text, str) and "\0" not in text for text in texts):
        raise ValueError("not a copy")
    return copy

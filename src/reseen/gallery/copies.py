"""What holds something of a gallery's crops outside of its store, recorded when it is written."""

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

Kind = Literal["pixels", "map", "answers", "page"]
"""`pixels`: a cache folder of decoded crops; `map`: a folder of map coordinates; `answers`: a file of answers about
crops by their paths; `page`: a file that a command wrote for a person, with pictures or names of crops in it."""


@dataclass(frozen=True)
class Copy:
    """A file or folder outside of the store."""

    kind: Kind
    path: str
    """Absolute."""
    device: int
    """Number of the device that it was on when it was recorded."""
    source: str = ""
    """Of answers: the folder that their paths start from."""
    keys: tuple[str, ...] = ()
    """Of a page: which crops are on it."""

    @property
    def unreachable(self) -> bool:
        """Whether it is not there because its disk is not."""
        return is_unreachable(Path(self.path), self.device)


def record_copy(
    address: str, kind: Kind, path: str | Path, *, source: str = "", keys: Iterable[str] = ()
) -> None:
    """Note that a file or folder holds something of a gallery's crops; once is enough.

    Raises:
        GalleryError: the record is damaged.
        StorageError: it cannot be written.
    """
    if address == "memory:" and kind == "page":
        return
    place = str(Path(path).absolute())
    near = next(folder for folder in (Path(place), *Path(place).parents) if folder.exists())
    copy = Copy(kind, place, near.stat().st_dev, source, tuple(keys))
    if copy not in recorded_copies(address):
        append_line(side_file(address, NAME), json.dumps(asdict(copy)))


def record_page(address: str, file: Path, keys: Iterable[str]) -> None:
    """Note that a page shows some crops, where the gallery's folder can be written; a page is the user's own file."""
    with suppress(StorageError):
        record_copy(address, "page", file, keys=keys)


def recorded_copies(address: str) -> list[Copy]:
    """Everything that was recorded, the oldest first. A last line that a crash cut short is left out.

    Raises:
        GalleryError: another line is damaged.
    """
    file = side_file(address, NAME)
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(_parse(json.loads(line)))
        except (ValueError, TypeError, KeyError, RecursionError):
            if number < len(lines):
                raise GalleryError(
                    f"{file}, line {number}: damaged; restore it, or forgetting would pass over copies of crops"
                ) from None
    return found


def _parse(values: dict) -> Copy:
    copy = Copy(**values | {"keys": tuple(values["keys"])})
    texts = (copy.path, copy.source, *copy.keys)
    if copy.kind not in get_args(Kind) or not isinstance(copy.device, int):
        raise ValueError("no copy")
    if not all(isinstance(text, str) and "\0" not in text for text in texts):
        raise ValueError("no copy")
    return copy

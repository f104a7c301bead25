"""What a `Where` asks of a database: the same conditions without the empty and the impossible."""

import uuid
from dataclasses import dataclass

from reseen.gallery.where import Where

_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Conditions:
    """Conditions that must all hold, as every database can say them. No list is empty."""

    keys: list[str] | None
    words: dict[str, list[str]]
    """Of `source`, `image` and `camera`: the values allowed."""
    numbers: dict[str, list[int]]
    """Of `cluster` and `tracklet`: the values allowed."""
    not_cameras: list[str]
    """Cameras to leave out; none where it is empty."""
    after: float | None
    before: float | None

    @property
    def everything(self) -> bool:
        """True when there is no condition."""
        window = self.after is None and self.before is None
        return self.keys is None and not self.words and not self.numbers and not self.not_cameras and window


def conditions(where: Where) -> Conditions | None:
    """The conditions of `where`; None where no entry can fulfil them."""
    keys = None if where.keys is None else [key for key in where.keys if _is_key(key)]
    words = {"source": where.sources, "image": where.images, "camera": where.cameras}
    numbers = {"cluster": where.clusters, "tracklet": where.tracklets}
    allowed_words = {
        name: [word for word in values if storable(word)]
        for name, values in words.items()
        if values is not None
    }
    allowed_numbers = {
        name: [number for number in values if abs(number) <= _LARGEST]
        for name, values in numbers.items()
        if values is not None
    }
    if (
        (keys is not None and not keys)
        or not all(allowed_words.values())
        or not all(allowed_numbers.values())
    ):
        return None
    not_cameras = [camera for camera in where.not_cameras or () if storable(camera)]
    return Conditions(keys, allowed_words, allowed_numbers, not_cameras, where.after, where.before)


def storable(word: str) -> bool:
    """Whether databases can hold a word: no null character and no half of a surrogate pair."""
    return "\0" not in word and not any("\ud800" <= letter <= "\udfff" for letter in word)


def _is_key(key: str) -> bool:
    """Whether an entry can have this key; databases would also take other spellings of it."""
    try:
        return str(uuid.UUID(key)) == key
    except ValueError:
        return False

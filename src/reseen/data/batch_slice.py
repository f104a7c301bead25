"""Consecutive images of a batch: numbers are drawn for all of it and used for these, so that no split is felt."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class BatchSlice:
    """The images `own` of a batch of `of`."""

    batch_size: int
    span: slice

    @classmethod
    def whole(cls, count: int) -> Self:
        """All images of a batch."""
        return cls(count, slice(0, count))

    def after(self, first: int) -> Self:
        """What this part has of a batch that begins after the `first` images."""
        return type(self)(
            self.batch_size - first, slice(max(self.span.start - first, 0), max(self.span.stop - first, 0))
        )

"""`BatchSlice`: the images of a batch that one process augments.

Random numbers are drawn for the whole batch and those of the slice are used, so that results do not depend on how the
batch is split over processes.
"""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class BatchSlice:
    """Consecutive images, `span`, of a batch of `batch_size`."""

    batch_size: int
    span: slice

    @classmethod
    def whole(cls, count: int) -> Self:
        """The slice that contains all `count` images of a batch."""
        return cls(count, slice(0, count))

    def after(self, first: int) -> Self:
        """This slice relative to the batch without its `first` images."""
        return type(self)(
            self.batch_size - first, slice(max(self.span.start - first, 0), max(self.span.stop - first, 0))
        )

"""Places of a gallery's crops, made in the background while the page says how far they are."""

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread

import numpy as np
from jaxtyping import Float32

from reseen.viewer.collection import Collection
from reseen.viewer.projection import Layout, forget_projections, project


@dataclass(eq=False)
class _Work:
    """Places that are there, or on their way."""

    collection: Collection
    share: float = 0.0
    places: Float32[np.ndarray, "n 2"] | None = None
    error: Exception | None = None
    thread: Thread = field(init=False)


class Maps:
    """The last places of each layout; those of other vectors are made anew."""

    def __init__(self, address: str) -> None:
        """Take the address of the gallery; files are kept beside one in a folder."""
        self.kept_in = None if ":" in address else Path(f"{address}.map")
        self._works: dict[Layout, _Work] = {}
        self._lock = Lock()

    def ask(self, collection: Collection, layout: Layout) -> Float32[np.ndarray, "n 2"] | float:
        """Places of every row, or the share that is done, 0 to 1; the first call begins."""
        work = self._work(collection, layout)
        if work.error is not None:
            self._works.pop(layout, None)
            raise work.error
        return work.share if work.places is None else work.places

    def wait(self, collection: Collection, layout: Layout) -> Float32[np.ndarray, "n 2"]:
        """Places of every row, when they are there."""
        while True:
            self._work(collection, layout).thread.join()
            found = self.ask(collection, layout)
            if not isinstance(found, float):
                return found

    def forget(self) -> None:
        """Remove what is kept of earlier crops.

        Raises:
            StorageError: a file cannot be removed.
        """
        with self._lock:
            self._works.clear()
            if self.kept_in is not None:
                forget_projections(self.kept_in)

    def _work(self, collection: Collection, layout: Layout) -> _Work:
        with self._lock:
            work = self._works.get(layout)
            if work is None or work.collection.vectors is not collection.vectors:
                work = _Work(collection)
                work.thread = Thread(target=self._make, args=(work, layout), daemon=True)
                self._works[layout] = work
                work.thread.start()
            return work

    def _make(self, work: _Work, layout: Layout) -> None:
        def progress(share: float) -> None:
            work.share = share

        vectors = np.ascontiguousarray(work.collection.vectors, dtype=np.float32)
        try:
            places = project(vectors, layout, self.kept_in, work.collection.keys, progress)
        except Exception as error:  # handed to whoever asks
            work.error = error
            return
        work.places = places
        with self._lock:
            # What was forgotten meanwhile must not be kept by a work that had begun before.
            if self._works.get(layout) is not work and self.kept_in is not None:
                forget_projections(self.kept_in)

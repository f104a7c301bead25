"""Undo and redo of edits, and what clusters the edits in effect ask for."""

from collections.abc import Iterable, Mapping

from reseen.gallery.edits.edit import Edit


class History:
    """Undo and redo stacks of edits."""

    def __init__(self) -> None:
        self.done: list[Edit] = []
        """Edits in effect, oldest first."""
        self.undone: list[Edit] = []
        """Undone edits; the next one to redo is last."""
        self.frozen = 0
        """Number of leading edits made on an earlier clustering: only their pair constraints still apply."""

    def do(self, edit: Edit) -> None:
        """Append an edit and clear the redo stack."""
        self.done.append(edit)
        self.undone.clear()

    def undo(self) -> Edit:
        """Undo the last edit and return it."""
        self.undone.append(self.done.pop())
        return self.undone[-1]

    def redo(self) -> Edit:
        """Redo the last undone edit and return it."""
        self.done.append(self.undone.pop())
        return self.done[-1]

    def freeze(self) -> None:
        """Make all edits up to the last one of clusters permanent, after the crops were reclustered."""
        of_clusters = [number for number, edit in enumerate(self.done, start=1) if edit.before]
        self.frozen = max([self.frozen, *of_clusters[-1:]])
        self.undone.clear()

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit of the current clustering to undo."""
        return len(self.done) > self.frozen

    def missing_changes(self, current: Mapping[str, int | None]) -> dict[str, int | None] | None:
        """New clusters of crops, by key, that the current clusters lack; None if they were made otherwise since."""
        past = self.past_clusters()
        if any(current[key] not in clusters for key, clusters in past.items() if key in current):
            return None
        expected = self.expected_clusters()
        return {key: to for key, to in expected.items() if key in current and current[key] != to}

    def expected_clusters(self) -> dict[str, int | None]:
        """Cluster that each edited crop must be in, by key."""
        clusters: dict[str, int | None] = {}
        for edit in reversed(self.undone):
            clusters = dict(edit.before) | clusters
        for edit in self.done[self.frozen :]:
            clusters |= edit.after
        return clusters

    def past_clusters(self) -> dict[str, set[int | None]]:
        """All clusters that each edited crop has been in, by key."""
        clusters: dict[str, set[int | None]] = {}
        for edit in self._of_this_clustering():
            for key in edit.before:
                clusters.setdefault(key, set()).update((edit.before[key], edit.after[key]))
        return clusters

    def _of_this_clustering(self) -> Iterable[Edit]:
        yield from self.done[self.frozen :]
        yield from self.undone

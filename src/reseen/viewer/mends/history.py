"""The mends in force, those undone, and where their crops must be."""

from collections.abc import Iterable

from reseen.viewer.mends.edit import Edit


class History:
    """A row of mends that can be taken back from its end and done again."""

    def __init__(self) -> None:
        self.done: list[Edit] = []
        self.undone: list[Edit] = []
        self.fixed = 0
        """So many of the first are of an earlier clustering: what they say holds, what they changed is history."""

    def do(self, edit: Edit) -> None:
        """Add a mend; what was undone cannot be done again any more."""
        self.done.append(edit)
        self.undone.clear()

    def undo(self) -> Edit:
        """Take the last mend back."""
        self.undone.append(self.done.pop())
        return self.undone[-1]

    def redo(self) -> Edit:
        """Do again what was undone last."""
        self.done.append(self.undone.pop())
        return self.done[-1]

    def begin_anew(self) -> None:
        """The crops were clustered anew: nothing so far can be undone."""
        self.fixed = len(self.done)
        self.undone.clear()

    @property
    def can_undo(self) -> bool:
        """Whether there is a mend of this clustering to take back."""
        return len(self.done) > self.fixed

    def wanted(self) -> dict[str, int | None]:
        """The cluster that every crop ever changed must be in."""
        found: dict[str, int | None] = {}
        for edit in reversed(self.undone):
            found = dict(edit.before) | found
        for edit in self.done[self.fixed :]:
            found |= edit.after
        return found

    def passed(self) -> dict[str, set[int | None]]:
        """The clusters that every crop ever changed has been in."""
        found: dict[str, set[int | None]] = {}
        for edit in self._of_this_clustering():
            for key in edit.before:
                found.setdefault(key, set()).update((edit.before[key], edit.after[key]))
        return found

    def _of_this_clustering(self) -> Iterable[Edit]:
        yield from self.done[self.fixed :]
        yield from self.undone

"""The file of mends: lines are only ever added, and each is on the disk before the mend counts.

The mends in force, those undone, and where their crops must be.
"""

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reseen.errors import GalleryError
from reseen.files import check_journal, make_folder, open_journal, storage_error
from reseen.gallery.side_files import side_file
from reseen.reading import parse_as, read_regular
from reseen.viewer.edits.edit import Edit


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


MENDS = "mends.jsonl"


def edits_file(address: str) -> Path:
    """Where the mends of the gallery at `address` are: in its folder, or among the user's own files for a server."""
    return side_file(address, MENDS)


class Journal:
    """The file, and the history that it tells."""

    def __init__(self, file: Path) -> None:
        """Read the file, where it is. A last line that a crash cut short was never acknowledged and is cut off.

        Raises:
            GalleryError: a line is damaged.
            StorageError: the file cannot be read or written, or is a link or no file at all.
        """
        self.file = file
        self.history = History()
        self.lines = 0
        """Lines so far."""
        self._last, self._struck = "", list[Edit]()
        try:
            content = read_regular(file) if check_journal(file).is_file() else b""
            whole = content[: content.rfind(b"\n") + 1]
            if len(whole) < len(content):
                with open_journal(file) as lines:
                    lines.truncate(len(whole))
        except OSError as error:
            raise storage_error(file, error) from None
        except ValueError as error:
            raise GalleryError(
                f"{file}: cannot be read ({error}); move it away to mend from the start"
            ) from None
        for number, line in enumerate(whole.decode("utf-8", "replace").split("\n")[:-1], start=1):
            try:
                self._replay(parse_as(dict[str, Any], line))
            except (ValueError, IndexError):
                raise GalleryError(
                    f"{file}, line {number}: damaged; restore it from a copy, or move it away to mend from the start"
                ) from None

    def do(self, edit: Edit) -> None:
        """Add a mend."""
        self._add({"edit": edit.to_plain()})

    def undo(self) -> None:
        """Take the last back."""
        self._add({"undo": _now()})

    def redo(self) -> None:
        """Do the last that was undone again."""
        self._add({"redo": _now()})

    def cancel(self) -> None:
        """Strike the line before, whose work could not be done."""
        self._add({"cancel": _now()})

    def begin_anew(self) -> None:
        """Note that the crops were clustered anew."""
        self._add({"anew": _now()})

    def _add(self, plain: dict[str, Any]) -> None:
        make_folder(self.file.parent)
        try:
            with open_journal(self.file) as lines:
                start = lines.tell()
                try:
                    lines.write(json.dumps(plain, separators=(",", ":")).encode() + b"\n")
                    lines.flush()
                    os.fsync(lines.fileno())
                except OSError:
                    lines.truncate(start)
                    raise
        except OSError as error:
            raise storage_error(self.file, error) from None
        self._replay(plain)

    def _replay(self, plain: dict[str, Any]) -> None:
        self.lines += 1
        if "edit" in plain:
            self._struck = list(self.history.undone)
            self.history.do(Edit.from_plain(plain["edit"]))
            self._last = "edit"
        elif "undo" in plain:
            self.history.undo()
            self._last = "undo"
        elif "redo" in plain:
            self.history.redo()
            self._last = "redo"
        elif "anew" in plain:
            self.history.begin_anew()
            self._last = "anew"
        elif "cancel" in plain:
            self._strike()
        else:
            raise ValueError("no mend")

    def _strike(self) -> None:
        if self._last == "edit":
            self.history.done.pop()
            self.history.undone[:] = self._struck
        elif self._last == "undo":
            self.history.redo()
        elif self._last == "redo":
            self.history.undo()
        self._last = "cancel"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

"""Append-only journal of edits (write-ahead log), and the undo history that it encodes.

An edit assigns crops to other clusters, which implies something about pairs of crops.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from reseen.errors import GalleryError
from reseen.files import check_journal, make_folder, open_journal, storage_error
from reseen.gallery.side_files import side_file
from reseen.reading import parse_as, read_regular

Kind = Literal["merge", "split", "move", "same", "different", "unsure"]


@dataclass(frozen=True)
class Edit:
    """A cluster edit. Crops are referred to by key; no path, image or vector is stored."""

    kind: Kind
    time: str
    """UTC, ISO 8601."""
    words: str
    """Description, such as `merged cluster 7 into 3`."""
    before: Mapping[str, int | None] = field(default_factory=dict)
    """Previous cluster of each crop that moved."""
    after: Mapping[str, int | None] = field(default_factory=dict)
    """New cluster of each crop that moved."""
    same: tuple[tuple[str, ...], ...] = ()
    """Groups of keys, each of one person (must-link)."""
    different: tuple[tuple[str, str], ...] = ()
    """Pairs of keys of different people (cannot-link)."""
    asked: tuple[str, ...] = ()
    """The two keys of a question that this answers, `kind` being the answer; empty for other edits."""

    def to_plain(self) -> dict[str, Any]:
        """A JSON-serializable dictionary."""
        return {
            "kind": self.kind, "time": self.time, "words": self.words, "before": dict(self.before),
            "after": dict(self.after), "same": self.same, "different": self.different,
            "asked": self.asked,
        }  # fmt: skip

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Edit":
        """The inverse of `to_plain`.

        Raises:
            ValueError: `plain` is not a valid edit.
        """
        edit = parse_as(cls, json.dumps(plain))
        if edit.before.keys() != edit.after.keys():
            raise ValueError("before and after have different keys")
        if edit.asked and (len(edit.asked) != 2 or edit.kind not in ("same", "different", "unsure")):
            raise ValueError("a question is on two crops")
        if any(number is not None and not -1 <= number < 2**62 for number in _cluster_numbers(edit)):
            raise ValueError("a cluster number is out of range")
        return edit


def _cluster_numbers(edit: Edit) -> Iterable[int | None]:
    return (*edit.before.values(), *edit.after.values())


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
        """Make all edits permanent, after the crops were reclustered."""
        self.frozen = len(self.done)
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


JOURNAL_NAME = "mends.jsonl"


def edits_file(address: str) -> Path:
    """Journal of the gallery at `address`: in its folder, or in the user's state folder for a database server."""
    return side_file(address, JOURNAL_NAME)


class Journal:
    """The journal file and the history replayed from it."""

    def __init__(self, file: Path) -> None:
        """Replay the file, if it exists. An incomplete last line, left by a crash, is truncated.

        Raises:
            GalleryError: the file is damaged.
            StorageError: the file cannot be read or written, or is not a regular file.
        """
        self.file = file
        self.history = History()
        self.lines = 0
        """Number of lines."""
        self._last_record, self._undone_before = "", list[Edit]()
        try:
            content = read_regular(file) if check_journal(file).is_file() else b""
            complete = content[: content.rfind(b"\n") + 1]
            if len(complete) < len(content):
                with open_journal(file) as lines:
                    lines.truncate(len(complete))
        except OSError as error:
            raise storage_error(file, error) from None
        except ValueError as error:
            raise GalleryError(
                f"{file}: invalid journal ({error}); move it away to start a new one"
            ) from None
        for number, line in enumerate(complete.decode("utf-8", "replace").split("\n")[:-1], start=1):
            try:
                self._replay(parse_as(dict[str, Any], line))
            except (ValueError, IndexError):
                raise GalleryError(
                    f"{file}, line {number}: damaged; restore a backup, or move the file away to start a new one"
                ) from None

    def do(self, edit: Edit) -> None:
        """Append an edit."""
        self._append({"edit": edit.to_plain()})

    def undo(self) -> None:
        """Record that the last edit is undone."""
        self._append({"undo": _timestamp()})

    def redo(self) -> None:
        """Record that the last undone edit is redone."""
        self._append({"redo": _timestamp()})

    def cancel(self) -> None:
        """Revoke the previous record, whose change could not be applied to the store."""
        self._append({"cancel": _timestamp()})

    def mark_reclustered(self) -> None:
        """Record that the crops were reclustered: no earlier edit can be undone."""
        self._append({"anew": _timestamp()})

    def _append(self, plain: dict[str, Any]) -> None:
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
            self._undone_before = list(self.history.undone)
            self.history.do(Edit.from_plain(plain["edit"]))
            self._last_record = "edit"
        elif "undo" in plain:
            self.history.undo()
            self._last_record = "undo"
        elif "redo" in plain:
            self.history.redo()
            self._last_record = "redo"
        elif "anew" in plain:
            self.history.freeze()
            self._last_record = "anew"
        elif "cancel" in plain:
            self._revoke()
        else:
            raise ValueError("unknown record")

    def _revoke(self) -> None:
        if self._last_record == "edit":
            self.history.done.pop()
            self.history.undone[:] = self._undone_before
        elif self._last_record == "undo":
            self.history.redo()
        elif self._last_record == "redo":
            self.history.undo()
        self._last_record = "cancel"


def _timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

"""The append-only journal of edits (write-ahead log), from which undo history and people are replayed.

An edit assigns crops to other clusters or people, or answers a question, and implies something about pairs of crops.
Only forgetting rewrites the file, without the crops that are gone.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any

from reseen.errors import GalleryError, StorageError
from reseen.files import check_journal, make_folder, open_journal, storage_error, write_text
from reseen.gallery.edits.edit import Edit
from reseen.gallery.edits.people_change import PeopleState
from reseen.gallery.edits.undo_history import History
from reseen.gallery.side_files import side_file
from reseen.locks import wait_for_writer
from reseen.reading import parse_as, read_regular, validate_as

JOURNAL_NAME = "mends.jsonl"


def edits_file(address: str) -> Path:
    """Journal of the gallery at `address`: in its folder, or in the user's state folder for a database server."""
    return side_file(address, JOURNAL_NAME)


class Journal:
    """The journal file and the history replayed from it."""

    def __init__(self, file: Path) -> None:
        """Replay the file, if it exists. An incomplete last line, left by a crash, is dropped, and `notes` says so.

        Raises:
            GalleryError: the file is damaged.
            StorageError: the file cannot be read, or is not a regular file.
        """
        self.file = file
        self.notes: tuple[str, ...] = ()
        """Messages for the user, such as on a line that was cut off."""
        self._lock, self._depth = RLock(), 0
        self._load()

    @property
    def people(self) -> PeopleState:
        """The people after all edits in effect; do not change it."""
        if self._people is None:
            self._people = PeopleState(edit.people for edit in self.history.done if edit.people)
        return self._people

    def people_before(self, edit: Edit) -> PeopleState:
        """The people before an edit in effect.

        Raises:
            ValueError: the edit is not in effect.
        """
        place = max(number for number, done in enumerate(self.history.done) if done is edit)
        return PeopleState(done.people for done in self.history.done[:place] if done.people)

    @property
    def free_person(self) -> int:
        """The id of the next person who is made; no id was given before."""
        return self._last_person + 1

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other processes from writing while the block runs; what they wrote before is read first.

        Raises:
            StorageError: the file cannot be written, or another process writes it for minutes.
        """
        with self._lock:
            if self._depth:
                yield
                return
            make_folder(self.file.parent)
            with wait_for_writer(self.file):
                self._depth += 1
                try:
                    if self._signature() != self._read:
                        self._load()
                    yield
                finally:
                    self._depth -= 1

    def refresh(self) -> bool:
        """Read what other processes wrote since; returns whether there was something.

        Raises:
            GalleryError: the file is damaged.
            StorageError: the file cannot be read.
        """
        with self._lock:
            if self._depth or self._signature() == self._read:
                return False
            self._load()
            return True

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
        """Record that the crops were reclustered: no earlier edit of clusters can be undone."""
        self._append({"anew": _timestamp()})

    def catch_up(self, current: Mapping[str, int | None]) -> dict[str, int | None]:
        """Clusters that the edits in effect ask for and the crops lack, by key.

        If the crops were clustered otherwise since, there are none, and no earlier edit of clusters can be undone.
        """
        missing = self.history.missing_changes(current)
        if missing is None:
            self.mark_reclustered()
        return missing or {}

    def holds(self, keys: Collection[str]) -> bool:
        """Whether an edit, in effect or undone, refers to one of these crops."""
        wanted = set(keys)
        return any(edit.keys & wanted for edit in (*self.history.done, *self.history.undone))

    def forget(self, keys: Collection[str]) -> None:
        """Rewrite the file without some crops; people who have no other crop lose their names, too.

        Edits of nothing else are gone, and what is left can still be undone and redone.

        Raises:
            StorageError: the file cannot be written.
        """
        with self.writing():
            if not self.holds(keys):
                return
            old, gone = self.history, set(keys)
            before = set(self.people.members)
            nameless = _without_crops(old, gone)
            done = [edit.without(gone) for edit in old.done]
            nameless |= before - set(
                PeopleState(edit.people for edit in done if edit and edit.people).members
            )
            kept = [edit.without(gone, nameless) for edit in old.done]
            undone = [edit.without(gone, nameless) for edit in old.undone]
            records: list[dict[str, Any]] = [{"people": self._last_person}]
            records += [{"edit": edit.to_plain()} for edit in kept[: old.frozen] if edit]
            records += [{"anew": _timestamp()}] if old.frozen else []
            records += [{"edit": edit.to_plain()} for edit in kept[old.frozen :] if edit]
            records += [{"edit": edit.to_plain()} for edit in reversed(undone) if edit]
            records += [{"undo": _timestamp()} for edit in undone if edit]
            write_text(self.file, "".join(_line(record) for record in records))
            self._load()

    def _load(self) -> None:
        self.history = History()
        self.lines = 0
        """Number of lines."""
        self._people: PeopleState | None = None
        self._last_person = 0
        self._last_record, self._undone_before = "", list[Edit]()
        self._read = self._signature()
        try:
            content = read_regular(self.file) if check_journal(self.file).is_file() else b""
        except OSError as error:
            raise storage_error(self.file, error) from None
        except ValueError as error:
            raise GalleryError(
                f"{self.file}: invalid journal ({error}); move it away to start a new one"
            ) from None
        complete = content[: content.rfind(b"\n") + 1]
        if len(complete) < len(content):
            self.notes = (
                f"{self.file}: the last line was cut off, so the edit in it is lost; all before it are kept",
            )
            self._drop_after(len(complete), content)
        for number, line in enumerate(complete.decode("utf-8", "replace").split("\n")[:-1], start=1):
            try:
                self._replay(parse_as(dict[str, Any], line))
            except (ValueError, IndexError, KeyError, TypeError):
                raise GalleryError(
                    f"{self.file}, line {number}: damaged; restore a backup, or move the file away to start a new one"
                ) from None

    def _drop_after(self, length: int, content: bytes) -> None:
        """Truncate an incomplete line, unless it is being written, or the file is read-only."""
        with suppress(StorageError), nullcontext() if self._depth else wait_for_writer(self.file):
            if read_regular(self.file) == content:
                with open_journal(self.file) as lines:
                    lines.truncate(length)
            self._read = self._signature()

    def _signature(self) -> tuple[int, int] | None:
        """Identity and size of the file; None if there is none."""
        try:
            status = self.file.lstat()
        except OSError:
            return None
        return status.st_ino, status.st_size

    def _append(self, plain: dict[str, Any]) -> None:
        with self.writing():
            try:
                with open_journal(self.file) as lines:
                    start = lines.tell()
                    try:
                        lines.write(_line(plain).encode())
                        lines.flush()
                        os.fsync(lines.fileno())
                    except OSError:
                        lines.truncate(start)
                        raise
            except OSError as error:
                raise storage_error(self.file, error) from None
            self._replay(plain)
            self._read = self._signature()

    def _replay(self, plain: dict[str, Any]) -> None:
        self.lines += 1
        if "edit" in plain:
            edit = Edit.from_plain(plain["edit"])
            self._undone_before = list(self.history.undone)
            self.history.do(edit)
            self._last_record = "edit"
            if edit.people is not None:
                self._last_person = max([self._last_person, *edit.people.people])
                if self._people is not None:
                    self._people.apply(edit.people)
            return
        if "people" in plain:
            self._last_person = max(self._last_person, validate_as(int, plain["people"]))
            return
        if "undo" in plain:
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
        self._people = None

    def _revoke(self) -> None:
        if self._last_record == "edit":
            self.history.done.pop()
            self.history.undone[:] = self._undone_before
        elif self._last_record == "undo":
            self.history.redo()
        elif self._last_record == "redo":
            self.history.undo()
        self._last_record = "cancel"


def _without_crops(history: History, gone: set[str]) -> set[int]:
    """People who no edit gives a crop other than those in `gone`."""
    named, kept = set[int](), set[int]()
    for edit in (*history.done, *history.undone):
        if edit.people is not None:
            named |= edit.people.people
            decided = ((key, one) for key, one in edit.people.members.items() if one is not None)
            kept |= {decision.person for key, decision in decided if key not in gone}
    return named - kept


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":")) + "\n"


def _timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

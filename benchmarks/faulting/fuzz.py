"""What becomes of a mutated file: taken, refused with a message, or one of four failures."""

import random
import re
import sys
import traceback
from pathlib import Path
from typing import Literal

from benchmarks.faulting.format import Format
from benchmarks.faulting.mutations import mutate

from reseen.data.decode import UnreadableError
from reseen.errors import ReseenError

Outcome = Literal["taken", "refused", "crashed", "ran code"]

_CODE = (
    "pickle.find_class",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "socket.connect",
)
"""Audit events of the interpreter that no reader of a file has a reason for."""


class Watch:
    """Notices audit events of running code; one per process, since such a hook cannot be taken away."""

    _events: list[str] | None = None

    def __init__(self) -> None:
        if Watch._events is None:
            Watch._events = []
            sys.addaudithook(_note)
        self._seen = Watch._events
        self._seen.clear()

    @property
    def events(self) -> list[str]:
        """What was noticed since this watch was made."""
        return list(self._seen)


def _note(event: str, _arguments: tuple) -> None:
    if event in _CODE and Watch._events is not None:
        Watch._events.append(event)


def try_mutation(kind: Format, number: int, folder: Path, values: bool = False) -> tuple[Outcome, str]:
    """Mutate a seed, or replace `values` in it, let every reader have it; the worst outcome and what was said."""
    seed = kind.seeds[number % len(kind.seeds)]
    file = folder / kind.file
    if values:
        assert kind.structure is not None
        file.write_bytes(kind.structure(seed, random.Random(number)))
    else:
        file.write_bytes(mutate(seed, kind.seeds, number))
    worst: tuple[Outcome, str] = ("taken", "")
    for reader in kind.readers:
        watch = Watch()
        try:
            reader(file)
        except (ReseenError, UnreadableError) as error:
            if not re.search(r"\w{3}", str(error)):
                return "crashed", f"{type(error).__name__} without a message"
            worst = ("refused", str(error)[:300])
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return "crashed", f"number {number}: {traceback.format_exc()[-1500:]}"
        if watch.events:
            return "ran code", f"{watch.events}"
    return worst

"""Work that is killed, or that finds the disk full, and goes on: to the same bits as work that nothing befell."""

import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.faulting.apart import Apart, Ended
from benchmarks.faulting.counts import Counts
from benchmarks.faulting.desk import Desk
from benchmarks.faulting.injection import BALLAST, Injection
from benchmarks.faulting.works import Work, broken_files, leftovers, rounds_held, rounds_said


@dataclass(frozen=True)
class Clean:
    """The same work without a fault."""

    facts: Any
    writes: int
    seconds: float


class Interruptions:
    """Interrupts a kind of work in folders of its own below `place`.

    Where `place` is a small disk of its own (`own_disk`) that is filled; elsewhere files are refused as if it was.
    """

    def __init__(self, work: Work, desk: Desk, place: Path, apart: Apart, own_disk: bool) -> None:
        self.work = work
        self._desk = desk
        self._place = place
        self._apart = apart
        self._full: Literal["fill", "refuse"] = "fill" if own_disk else "refuse"
        with self._folder() as folder:
            ended = self._run(folder, Injection(folder))
            if ended.code != 0:
                raise RuntimeError(f"{work.name} fails without any fault:\n{ended.output}")
            self.clean = Clean(work.facts(folder), ended.writes, ended.seconds)

    def kill(self, number: int, counts: Counts) -> None:
        """SIGKILL at a random moment: for even numbers at a write, for odd ones at a time. Then go on."""
        generator = random.Random(f"{self.work.name} {number}")
        with self._folder() as folder:
            for _ in range(5):
                if number % 2:
                    seconds = generator.uniform(0, 0.95 * self.clean.seconds)
                    ended = self._run(folder, Injection(folder), seconds)
                else:
                    at = generator.randrange(1, self.clean.writes + 1)
                    ended = self._run(folder, Injection(folder, "kill", at))
                if ended.code == -9:
                    break
                self._fresh(folder)  # it was faster this time
            self._go_on(folder, ended, counts, f"kill {number}")

    def fill(self, at: int, counts: Counts) -> None:
        """Fill the disk right before write number `at`; then free it and go on."""
        with self._folder() as folder:
            ended = self._run(folder, Injection(folder, self._full, at))
            (folder / BALLAST).unlink(missing_ok=True)
            if ended.code == 0 and self.work.facts(folder) == self.clean.facts:
                counts.add()  # it went on without the file, as decoding does without the cache
                return
            self._go_on(folder, ended, counts, f"full at write {at}")

    def _go_on(self, folder: Path, ended: Ended, counts: Counts, what: str) -> None:
        found = {
            "hangs": int(ended.code is None),
            "unexplained": int(ended.code not in (-9, None) and not ended.explained),
            "corrupt_files": len(broken := broken_files(folder)),
            "lost_rounds": 0,
            "other_bits": 0,
        }
        if self.work.name == "training":
            found["lost_rounds"] = max(0, rounds_said(ended.output) - rounds_held(folder))
        again = self._run(folder, Injection(folder))
        if again.code != 0:
            found["unexplained"] += 1
        else:
            found["other_bits"] = int(self.work.facts(folder) != self.clean.facts)
        left = leftovers(folder)
        found["corrupt_files"] += len(left)
        counts.add(**found)
        if any(found.values()):
            counts.details.append(
                f"{self.work.name}, {what}: {found} {broken} {left}; {ended.output[-600:]!r}; {again.output[-300:]!r}"
            )

    def _run(self, folder: Path, injection: Injection, kill_after: float | None = None) -> Ended:
        return self._apart.run(self.work.commands(self._desk, folder), injection, kill_after)

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """A fresh folder, always under the same name, since pages and files of results name their places."""
        folder = self._place / self.work.name
        self._fresh(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _fresh(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if self.work.prepare is not None:
            self.work.prepare(self._desk, folder)


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path | None]:
    """A file system in memory of a size; None where mounting is not permitted."""
    with tempfile.TemporaryDirectory() as name:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", name]
        if (
            shutil.which("mount") is None
            or subprocess.run(mount, capture_output=True, check=False).returncode
        ):
            yield None
            return
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)

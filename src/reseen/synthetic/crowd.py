"""Drawing of a whole synthetic crowd into a folder, by several processes; the folder is complete or not created."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from reseen.data.progress import ProgressBar
from reseen.errors import DataError, SettingsError, StorageError
from reseen.files import make_folder
from reseen.locks import exclusive_lock
from reseen.synthetic.drawing_worker import COULD_NOT_WRITE, draw_shard
from reseen.synthetic.schedule import GALLERY, QUERY, TRAIN, CrowdPlan, planned_shots
from reseen.synthetic.shot import Subject

_MARKER = "crowd.json"
_KNOWN = {_MARKER, TRAIN, QUERY, GALLERY}
_WORKER = "from reseen.synthetic.drawing_worker import main; raise SystemExit(main())"
_WORTH_A_PROCESS = 300
"""Number of images per additional process, below which starting it takes longer than it saves."""


@dataclass(frozen=True)
class CrowdCounts:
    """Numbers of people, cameras and images of a crowd."""

    train_people: int
    test_people: int
    cameras: int
    train_images: int
    query_images: int
    gallery_images: int
    """Including distractors and junk."""
    distractors: int
    junk: int

    @property
    def images(self) -> int:
        """Total number of images."""
        return self.train_images + self.query_images + self.gallery_images


def draw_crowd(
    out: Path,
    people: int = 60,
    cameras: int = 6,
    seed: int = 0,
    *,
    images_per_camera: int = 4,
    height: int = 128,
    width: int = 64,
    share_train: float = 0.5,
    processes: int | None = None,
    progress: bool = True,
) -> CrowdCounts:
    """Draw a synthetic crowd into the folder `out`, in the Market-1501 layout.

    Every camera sees every person `images_per_camera` times, in crops of `height` x `width` pixels. The fraction
    `share_train` of the people is the training set. Of all others, one image per camera is a query and the rest are in
    the gallery, together with distractors (0000) and junk (-1). The same settings give the same bytes for any number of
    `processes` (default: the available cores).

    Images are drawn in a temporary folder that is renamed to `out` at the end, so that an interrupted run leaves no
    partial crowd. A different crowd in `out` is replaced; the same crowd is kept.

    Raises:
        SettingsError: a setting is out of range.
        DataError: `out` is a file, or a folder with other content.
        StorageError: `out` cannot be written, another process is drawing into it, or the disk is full.

    Example:
        >>> counts = draw_crowd(Path("crowd"), people=20, cameras=4)
        >>> counts.train_images
        160
    """
    plan = CrowdPlan(people, cameras, seed, images_per_camera, height, width, share_train)
    if processes is not None and processes < 1:
        raise SettingsError(f"processes must be between 1 and the number of cores, found {processes}")
    out = Path(out).expanduser().absolute()
    _refuse_other_content(out)
    counts = _count(plan)
    if _holds(out, plan, counts.images):
        return counts
    workers = processes if processes is not None else _processes_for(counts.images)

    def busy(process: str) -> StorageError:
        return StorageError(
            f"{out}: another process (ID {process}) is drawing a crowd into this folder; wait for it, or choose "
            "another folder"
        )

    with exclusive_lock(make_folder(out.parent) / f".{out.name}.lock", busy, remove=True):
        _draw_and_rename(out, plan, max(1, min(workers, counts.images)), counts.images, progress)
    return counts


def crowd_exists(out: Path, people: int, cameras: int, seed: int) -> bool:
    """Whether `out` contains exactly this crowd, complete and with all other settings at their defaults.

    Raises:
        SettingsError: a setting is out of range.
    """
    plan = CrowdPlan(people, cameras, seed)
    return _holds(out, plan, _count(plan).images)


def _holds(out: Path, plan: CrowdPlan, images: int) -> bool:
    marker = out / _MARKER
    if not marker.is_file() or marker.read_text(encoding="utf-8") != _describe(plan):
        return False
    return sum(1 for _ in out.glob("*/*.jpg")) == images


def _describe(plan: CrowdPlan) -> str:
    return json.dumps(plan.as_dict(), indent=2) + "\n"


def _refuse_other_content(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: expected a folder for the crowd, found a file; choose another name")
    try:
        content = {entry.name for entry in out.iterdir()} if out.is_dir() else set()
    except OSError as error:
        raise StorageError(f"{out}: cannot be read ({error.strerror}); choose another folder") from None
    if content and (_MARKER not in content or content - _KNOWN):
        other = sorted(content - _KNOWN) or sorted(content)
        raise DataError(
            f"{out}: expected a new or empty folder or one with a crowd, found '{other[0]}' in it; "
            "choose another folder"
        )


def _count(plan: CrowdPlan) -> CrowdCounts:
    folders, subjects = Counter(), Counter()
    for path, shot in planned_shots(plan):
        folder, name = path.split("/")
        folders[folder] += 1
        subjects["junk" if shot.subject == Subject.JUNK else "distractor" if name[:4] == "0000" else ""] += 1
    return CrowdCounts(
        train_people=plan.train_people,
        test_people=plan.people - plan.train_people,
        cameras=plan.cameras,
        train_images=folders[TRAIN],
        query_images=folders[QUERY],
        gallery_images=folders[GALLERY],
        distractors=subjects["distractor"],
        junk=subjects["junk"],
    )


def _processes_for(images: int) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 1 + images // _WORTH_A_PROCESS)


def _draw_and_rename(out: Path, plan: CrowdPlan, processes: int, images: int, progress: bool) -> None:
    """Draw into a temporary folder beside `out`, and rename it to `out` when it is complete."""
    drawing = out.parent / f".{out.name}.drawing"
    try:
        _make_empty(drawing)
        _draw(drawing, plan, processes, images, progress)
        (drawing / _MARKER).write_text(_describe(plan), encoding="utf-8")
        _move_into_place(drawing, out)
    except OSError as error:
        raise StorageError(
            f"{out}: the crowd cannot be written ({error.strerror or error}); "
            "free some space or choose another folder"
        ) from None
    finally:
        shutil.rmtree(drawing, ignore_errors=True)


def _make_empty(drawing: Path) -> None:
    if drawing.is_symlink():  # never draw through a symlink
        drawing.unlink()
    shutil.rmtree(drawing, ignore_errors=True)
    for folder in (TRAIN, QUERY, GALLERY):
        (drawing / folder).mkdir(parents=True)


def _move_into_place(drawing: Path, out: Path) -> None:
    old = out.parent / f".{out.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    drawing.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _draw(folder: Path, plan: CrowdPlan, processes: int, total: int, progress: bool) -> None:
    with ProgressBar("Drawing the crowd", total, show=progress) as bar:
        if processes == 1:
            for drawn in draw_shard(folder, plan, 0, 1):
                bar.advance(drawn)
        else:
            _draw_in_processes(folder, plan, processes, bar.advance)


def _draw_in_processes(folder: Path, plan: CrowdPlan, processes: int, advance: Callable[[int], None]) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]

    def follow(number: int) -> None:
        task = {"folder": str(folder), "plan": plan.as_dict(), "first": number, "step": processes}
        _follow(workers[number], json.dumps(task), advance)

    with ThreadPoolExecutor(processes) as pool:
        try:
            for _ in pool.map(follow, range(processes)):
                pass
        finally:  # also after a failure or an interrupt, so that no worker keeps running
            for worker in workers:
                worker.kill()
                with worker:
                    pass


def _follow(worker: subprocess.Popen, task: str, advance: Callable[[int], None]) -> None:
    """Send a worker its task and report its progress until it ends.

    Raises:
        OSError: the worker could not write a file; the same error is raised again.
        RuntimeError: the worker failed otherwise.
    """
    assert worker.stdin is not None
    assert worker.stdout is not None
    assert worker.stderr is not None
    worker.stdin.write(task)
    worker.stdin.close()
    for line in worker.stdout:
        advance(int(line))
    output = worker.stderr.read().strip()
    if worker.wait() == 0:
        return
    last_line = output.rpartition("\n")[2]
    if worker.returncode == COULD_NOT_WRITE and last_line.startswith("["):
        raise OSError(*json.loads(last_line))
    raise RuntimeError(f"a drawing process ended with code {worker.returncode}: {output[-2000:]}")

"""Draw a whole crowd into a folder, all or nothing."""

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
from reseen.synthetic.schedule import GALLERY, QUERY, TRAIN, CrowdPlan, planned_shots
from reseen.synthetic.shot import Subject
from reseen.synthetic.worker import COULD_NOT_WRITE, draw_shard

_MARKER = "crowd.json"
_KNOWN = {_MARKER, TRAIN, QUERY, GALLERY}
_WORKER = "from reseen.synthetic.worker import main; raise SystemExit(main())"
_WORTH_A_PROCESS = 300
"""Images below which a further process takes longer to start than it saves."""


@dataclass(frozen=True)
class CrowdCounts:
    """How many images a crowd has, and of whom."""

    train_people: int
    test_people: int
    cameras: int
    train_images: int
    query_images: int
    gallery_images: int
    """With distractors and junk."""
    distractors: int
    junk: int

    @property
    def images(self) -> int:
        """All images."""
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
    """Draw people seen by cameras into `out`, in the Market-1501 layout.

    Every camera sees everybody `images_per_camera` times. The first `share_train` of the people are the
    training set; of each other person one image per camera is a query and the others are in the gallery, with
    distractors (0000) and junk (-1). The same settings give the same bytes whatever `processes` is (default:
    the cores at hand). The images are drawn beside `out` and moved there when all are finished, so a stopped
    run leaves no half crowd; another crowd already in `out` is replaced, the same one
    is left as it is.

    Raises:
        SettingsError: a setting outside its range.
        DataError: `out` is a file, or a folder with something else in it.
        StorageError: `out` cannot be written, another process is drawing there, or the disk is full.
    """
    plan = CrowdPlan(people, cameras, seed, images_per_camera, height, width, share_train)
    if processes is not None and processes < 1:
        raise SettingsError(f"processes must be between 1 and the number of cores, found {processes}")
    out = Path(out).expanduser().absolute()
    _refuse_other_content(out)
    counts = _count(plan)
    if _holds(out, plan, counts.images):
        return counts
    share = processes if processes is not None else _processes_for(counts.images)

    def busy(process: str) -> StorageError:
        return StorageError(
            f"{out}: another process (number {process}) is drawing a crowd into this folder; wait for it, or choose "
            "another folder"
        )

    with exclusive_lock(make_folder(out.parent) / f".{out.name}.lock", busy, remove=True):
        _draw_aside(out, plan, max(1, min(share, counts.images)), counts.images, progress)
    return counts


def crowd_exists(out: Path, people: int, cameras: int, seed: int) -> bool:
    """True when `out` holds this very crowd, whole, with everything else at its default."""
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
        raise DataError(f"{out}: wanted a folder for the crowd, found a file; choose another name")
    try:
        found = {entry.name for entry in out.iterdir()} if out.is_dir() else set()
    except OSError as error:
        raise StorageError(f"{out}: cannot be read ({error.strerror}); choose another folder") from None
    if found and (_MARKER not in found or found - _KNOWN):
        other = sorted(found - _KNOWN) or sorted(found)
        raise DataError(
            f"{out}: wanted a new folder, an empty one or one with a crowd, found '{other[0]}' in it; "
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


def _draw_aside(out: Path, plan: CrowdPlan, processes: int, images: int, progress: bool) -> None:
    """Draw into a folder beside `out` and move it there when it is whole."""
    drawing = out.parent / f".{out.name}.drawing"
    try:
        _start_over(drawing)
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


def _start_over(drawing: Path) -> None:
    if drawing.is_symlink():  # nothing is drawn through a link
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
        finally:  # also when one failed or the user stopped: nobody goes on drawing
            for worker in workers:
                worker.kill()
                with worker:
                    pass


def _follow(worker: subprocess.Popen, task: str, advance: Callable[[int], None]) -> None:
    """Give a worker its task and report its counts until it ends.

    Raises:
        OSError: the worker could not write; the same error.
        RuntimeError: the worker broke down.
    """
    assert worker.stdin is not None
    assert worker.stdout is not None
    assert worker.stderr is not None
    worker.stdin.write(task)
    worker.stdin.close()
    for line in worker.stdout:
        advance(int(line))
    complaint = worker.stderr.read().strip()
    if worker.wait() == 0:
        return
    last = complaint.rpartition("\n")[2]
    if worker.returncode == COULD_NOT_WRITE and last.startswith("["):
        raise OSError(*json.loads(last))
    raise RuntimeError(f"a drawing process ended with code {worker.returncode}: {complaint[-2000:]}")

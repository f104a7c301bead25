"""`reseen watch` over time and among many: memory over a looped video, and a look-up by the size of the gallery.

    python benchmarks/watch.py --run RUN --json benchmarks/results/watch.json

A drawn video is played again and again, as fast as it can be, until an hour of its own time is over; crops are added to
the gallery all along, so that it grows as people pile up. Memory is that of the process's own pages, after every minute
of video. Galleries of drawn embeddings, ten crops of a person in two tracklets, of up to 100,000 crops, are searched as
`watch` searches them: tracklets grouped, the nearest ten.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy import commit

import reseen
from reseen.environment import hardware
from reseen.export.fingerprint import ModelIdentity, identify
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.gallery import Gallery
from reseen.gallery.stores.edge import EdgeStore
from reseen.runs.run import open_run
from reseen.synthetic import draw_crowd_video
from reseen.video.recognizer import Recognizer
from reseen.video.settings import crop_settings
from reseen.video.watch import Watcher

_CROPS_OF_A_PERSON, _CROPS_OF_A_TRACKLET, _AT_ONCE = 10, 5, 5_000


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="a run; its encoder embeds the crops")
    parser.add_argument("--seconds", type=float, default=3600, help="of video, for the memory")
    parser.add_argument("--crops", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--dimension", type=int, default=128, help="of the drawn embeddings")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def own_memory() -> int:
    """Bytes of this process's own pages."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("memory is measured on Linux only")


def _clocks() -> tuple[float, float]:
    """Now, on the wall and as processor time of this process."""
    return time.perf_counter(), time.process_time()


def _since(start: tuple[float, float]) -> tuple[float, float]:
    return time.perf_counter() - start[0], time.process_time() - start[1]


def _medians(spent: list[tuple[float, float]]) -> dict:
    return {
        "seconds": median(wall for wall, _ in spent),
        "processor_seconds": median(cpu for _, cpu in spent),
    }


def _shown(value: dict) -> str:
    return f"{1000 * value['seconds']:.1f} ms ({1000 * value['processor_seconds']:.1f} ms of processor time)"


def over_time(asked: argparse.Namespace, folder: Path) -> dict:
    """Memory by minute of video, with a tracker and boxes without tracks, and how long a tracklet took."""
    videos = folder / "videos"
    draw_crowd_video(videos, 6, 1, seconds=30, frame_rate=5, height=240, width=320, progress=False)
    truth = np.loadtxt(videos / "ground-truth" / "camera1.txt", delimiter=",", ndmin=2)
    truth[:, 1] = -1  # boxes without tracks, so that the tracker works
    np.savetxt(folder / "boxes.txt", truth[:, :7], delimiter=",", fmt="%g")
    settings = crop_settings(["--detections", str(folder / "boxes.txt"), "--thin.height", "24"])
    run = open_run(asked.run)
    with reseen.open_gallery(folder / "gallery", run, create=True):
        pass
    minutes: list[float] = []
    spent: list[tuple[float, float]] = []
    began = time.perf_counter()
    with Watcher(
        folder / "gallery", videos / "camera1.mp4", folder / "out", settings=settings, run=run, add=True, loop=True,
        most_seconds=asked.seconds,
    ) as watcher:  # fmt: skip
        look_up = watcher._event

        def timed(tracklet):
            start = _clocks()
            found = look_up(tracklet)
            spent.append(_since(start))
            return found

        watcher._event = timed
        for _ in watcher.events():
            while watcher.seconds >= 60 * (len(minutes) + 1):
                minutes.append(own_memory() / 1e6)
        frames, tracklets = watcher.frames, watcher.tracklets
        crops = watcher._recognizer._gallery.store.describe().count
    tenth = max(1, len(spent) // 10)
    result = {
        "video_seconds": asked.seconds, "frames": frames, "tracklets": tracklets, "crops_added": crops,
        "seconds": time.perf_counter() - began, "memory_megabytes_by_minute": [round(value, 1) for value in minutes],
        "tracklet_first_tenth": _medians(spent[:tenth]), "tracklet_last_tenth": _medians(spent[-tenth:]),
        "dimension": identify(run, run.encoder()).dimension,
    }  # fmt: skip
    late = minutes[len(minutes) // 10 :]
    print(
        f"{frames:,} frames, {tracklets:,} tracklets, {crops:,} crops added; memory {minutes[0]:.0f} MB after "
        "a minute, "
        f"{min(late):.0f} to {max(late):.0f} MB later, {minutes[-1]:.0f} MB at the end"
    )
    first, last = result["tracklet_first_tenth"], result["tracklet_last_tenth"]
    print(f"a tracklet: {_shown(first)} at first, {_shown(last)} in the end")
    return result


def drawn_crops(count: int, dimension: int) -> Entries:
    """Embeddings of people, each around a mean of their own."""
    generator = np.random.default_rng(0)
    person = np.arange(count) // _CROPS_OF_A_PERSON
    means = generator.standard_normal((person[-1] + 1, dimension)).astype(np.float32)
    rows = means[person] + 0.7 * generator.standard_normal((count, dimension)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    entries = [
        Entry(
            "/crops", f"{row:07d}.jpg", camera=f"c{row % 6}", time=float(row),
            tracklet=row // _CROPS_OF_A_TRACKLET, cluster=int(person[row]),
        )
        for row in range(count)
    ]  # fmt: skip
    return Entries(entries, rows)


def among_many(asked: argparse.Namespace, folder: Path) -> list[dict]:
    """Seconds of a look-up in galleries of these sizes, and how many named the right person."""
    result = []
    for count in asked.crops:
        crops = drawn_crops(count, asked.dimension)
        model = ModelIdentity("0" * 64, asked.dimension, "drawn", "none", 1, 1, "")
        with EdgeStore(folder / f"gallery-{count}", model, create=True) as store:
            for start in range(0, count, _AT_ONCE):
                part = slice(start, start + _AT_ONCE)
                store.add(Entries(crops.entries[part], crops.vectors[part]))
            recognizer = Recognizer(Gallery(store), None, False)
            generator, spent, right = np.random.default_rng(1), [], 0
            for row in generator.integers(0, count, 220):
                noise = 0.05 * generator.standard_normal((8, asked.dimension)).astype(np.float32)
                start = _clocks()
                _, named = recognizer.recognize(crops.vectors[row] + noise)
                spent.append(_since(start))
                right += named is not None and named.entry.cluster == crops.entries[row].cluster
        result.append({
            "crops": count, "people": count // _CROPS_OF_A_PERSON, **_medians(spent[20:]), "right": right / len(spent),
        })  # fmt: skip
        print(
            f"{count:>7,} crops: {_shown(result[-1])} a look-up; {right / len(spent):.1%} named rightly",
            flush=True,
        )
    return result


def main() -> None:
    """Measure both."""
    asked = parse()
    with tempfile.TemporaryDirectory() as folder:
        many = among_many(asked, Path(folder)) if asked.crops else []
        hour = over_time(asked, Path(folder)) if asked.seconds else None
    if asked.json:
        values = {
            "command": " ".join(["python", "benchmarks/watch.py", *sys.argv[1:]]), "commit": commit(),
            "hardware": hardware(), "over_time": hour, "among_many": many,
        }  # fmt: skip
        asked.json.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

r"""People of a gallery over months: kept through re-clusterings, new people found, and what it costs.

    python benchmarks/people_over_time.py --data Market-1501 --weights mobilenetv2_100.safetensors --crops 2400 \
        --json benchmarks/results/people-over-time.json

Market-1501 in time order, by the sequence and frame numbers in its file names, in vectors of an encoder that was not
trained beyond ImageNet, 128 x 64 pixels. Identities answer where that is said, and score; nothing else sees them. A
tracklet is what a tracker without switches would follow: crops of one person, camera and sequence whose frames are less
than four seconds apart.

`kept`: a quarter of the time is clustered, and people are made of the clusters; then three times another quarter comes
and all crops are clustered anew. Once with the machine alone (`machine`), and once where a person names the 40 largest
people after the first quarter and moves the crops of others out of them (`corrected`). After each step: the share of
crops that keep their person; the share that keep the number of their cluster, which is what there was before; purity,
the share of crops that show the person that most crops of their person show; and names that still stand for whom they
stood for.

`new`: a gallery whose first half has been corrected by a person meets the tracklets of the second half in time order,
at the thresholds that answers on the first half and the people in it give: how many strangers are assigned to somebody,
and how many sightings of known people are called new, beside the stated shares; and how many are asked about. Answers
as in the viewer, where tracklets say of most similar pairs that they are one person, or without (`answers_alone`).

`drawn`: the same decisions on drawn vectors of 200 known people and 150 strangers under six cameras, whose sightings
lie near their person, farther away, and far.

`scale`: drawn vectors of 512 numbers, ten crops of a person: time and memory of people made of clusters, matched anew
and read again; and the time to decide one tracklet of five crops by the number of known people.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy import commit
from benchmarks.calibration_regimes import in_viewer, rounded

import reseen
from reseen.audit import AnsweredPairs, Calibration, TrackletPairs, calibrate, plan_pool
from reseen.audit.tracklet_pairs import NOTHING_KNOWN
from reseen.data.crops import open_crops
from reseen.environment import hardware
from reseen.features.extract import extract
from reseen.gallery.collection import UNCLUSTERED, Collection, build_collection
from reseen.gallery.edits.journal import Journal
from reseen.gallery.entries import Entry
from reseen.gallery.people.assign import PersonIndex, Thresholds
from reseen.gallery.people.people import People
from reseen.geometry import unit
from reseen.records import Features, contiguous

QUARTERS = 4
NAMED = 40
FRAMES_PER_SECOND = 25
LONGEST_GAP = 4.0
"""Seconds between two crops of a tracklet, at most."""
SEQUENCE = 100_000.0
"""Seconds between the starts of two sequences of the data set, which are hours apart."""


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="Market-1501, for all but the scale")
    parser.add_argument("--weights", type=Path, help="of mobilenetv2_100, trained on ImageNet")
    parser.add_argument("--crops", type=int, default=2400, help="of the training folder, whole people")
    parser.add_argument("--answers", type=int, default=200)
    parser.add_argument("--people", type=int, nargs="*", default=[100, 1_000, 10_000], help="of the scale")
    parser.add_argument("--work", type=Path, help="keeps the vectors, so that a second call embeds nothing")
    parser.add_argument(
        "--only", nargs="*", default=["scale", "kept", "new", "drawn"], help="parts; others stay in --json"
    )
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


class Market:
    """Crops in time order with their vectors; `identities` score and answer."""

    def __init__(self, entries: list[Entry], vectors: np.ndarray) -> None:
        self.entries, self.vectors = entries, vectors
        self.identities = np.array([int(Path(entry.image).name.split("_")[0]) for entry in entries])

    def until(self, count: int, clusters: np.ndarray | None = None) -> Collection:
        """The first crops, in clusters."""
        numbers = [None if clusters is None else int(clusters[row]) for row in range(count)]
        entries = [
            Entry(e.source, e.image, b"", e.camera, e.time, e.tracklet, None if n == UNCLUSTERED else n)
            for e, n in zip(self.entries[:count], numbers, strict=True)
        ]
        return build_collection(entries, self.vectors[:count])


def market(arguments: argparse.Namespace) -> Market:
    """The crops of the first people, by time, embedded once."""
    table = reseen.read_training(arguments.data)
    names = [Path(text).name for text in table.texts]
    people, rows = Counter(name.split("_")[0] for name in names), list[int]()
    chosen: set[str] = set()
    for person in sorted(people):
        if sum(people[one] for one in chosen) + people[person] > arguments.crops:
            break
        chosen.add(person)
    rows = [row for row, name in enumerate(names) if name.split("_")[0] in chosen]
    rows.sort(key=lambda row: (moment(names[row]), names[row]))
    table = table.select(np.array(rows))
    file = (arguments.work or Path(tempfile.mkdtemp())) / f"market-{len(rows)}.npz"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        flags = ["--model.backbone", "mobilenetv2_100", "--model.weights", str(arguments.weights), "--train.rounds",
                 "0", "--train.device", "cpu", "--data.height", "128", "--data.width", "64"]  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            recipe = reseen.load_recipe("cluster-contrast", flags)
            run = reseen.train(recipe, table, Path(folder) / "run", quiet=True)
            crops = open_crops(table, run.recipe.data, 128, 64, progress=False)
            np.savez(file, vectors=extract(run.encoder(), crops, "cpu").numpy, images=crops.table.texts)
    kept = np.load(file)
    images = kept["images"].tolist()
    return Market(entries_of(images), kept["vectors"].astype(np.float32))


def moment(name: str) -> float:
    """Seconds since the start of the first sequence."""
    _, place, frame, _ = name.split("_")
    return int(place[3:]) * SEQUENCE + int(frame) / FRAMES_PER_SECOND


def entries_of(images: list[str]) -> list[Entry]:
    """Entries with time, camera and the tracklet of a tracker without switches."""
    open_tracks: dict[tuple[str, str], tuple[int, float]] = {}
    entries, count = [], 0
    for image in images:
        name = Path(image).name
        person, place, _, _ = name.split("_")
        number, last = open_tracks.get((person, place), (-1, -1e9))
        if moment(name) - last > LONGEST_GAP:
            number, count = count, count + 1
        open_tracks[person, place] = number, moment(name)
        entries.append(Entry("/market", image, b"", place[:2], moment(name), number))
    return entries


def people_over(folder: Path, read: Callable[[], Collection]) -> People:
    """People with a journal of their own."""
    return People(Journal(folder / "mends.jsonl"), read, lambda _: None, keep=False)


def kept(data: Market, corrected: bool) -> list[dict[str, Any]]:
    """People through three re-clusterings with growing data."""
    ends = [len(data.entries) * (quarter + 1) // QUARTERS for quarter in range(QUARTERS)]
    shown: list[Collection] = []
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        people = people_over(Path(folder), lambda: shown[-1])
        before: dict[str, int] = {}
        clusters_before: dict[str, int] = {}
        names: dict[str, int] = {}
        for end in ends:
            labels = reseen.JaccardDBSCAN(eps=0.6, k1=20).fit_predict(data.vectors[:end])
            shown.append(data.until(end, labels))
            started = time.process_time()
            update = people.update()
            seconds = time.process_time() - started
            truth = dict(zip(shown[-1].keys, data.identities.tolist(), strict=False))
            now = {key: decision.person for key, decision in people.state.decisions.items()}
            clusters = {
                key: int(label) for key, label in zip(shown[-1].keys, labels, strict=True) if label >= 0
            }
            both = [key for key in clusters_before if key in clusters]
            rows.append(
                {
                    "crops": end,
                    "people": len(people),
                    "identities": len(set(truth.values())),
                    "crops_of_somebody": len(now),
                    "kept": share(now[key] == before[key] for key in before if key in now),
                    "kept_by_cluster_numbers": share(clusters[key] == clusters_before[key] for key in both),
                    "purity": purity(now, truth),
                    "purity_of_clusters": purity(clusters, truth),
                    "names_kept": share(majority(now, truth).get(people.find(n).id) == who for n, who in names.items()
                                        if people.named(n)),
                    "names": sum(bool(people.named(name)) for name in names),
                    "differences": update.counts(),
                    "cpu_seconds": seconds,
                }
            )  # fmt: skip
            if corrected and not before:
                names = correct(people, truth)
                now = {key: decision.person for key, decision in people.state.decisions.items()}
                rows[-1]["purity_after_correction"] = purity(now, truth)
            before, clusters_before = now, clusters
    return rows


def correct(people: People, truth: dict[str, int]) -> dict[str, int]:
    """What a person does: name the largest people, and move crops of others out; returns who has each name."""
    names: dict[str, int] = {}
    for person in sorted(people.all(), key=lambda one: (-one.size, one.id))[:NAMED]:
        ((identity, _),) = Counter(truth[key] for key in person.keys).most_common(1)
        wrong = [key for key in person.keys if truth[key] != identity]
        if wrong:
            people.reject(wrong, person.id)
        same = [name for name, who in names.items() if who == identity]
        if same:
            people.merge(people.find(same[0]).id, [person.id])
        else:
            names[f"identity {identity}"] = identity
            people.rename(person.id, f"identity {identity}")
    return names


def majority(assigned: dict[str, int], truth: dict[str, int]) -> dict[int, int]:
    """Whom most crops of each person show."""
    counts: dict[int, Counter[int]] = {}
    for key, person in assigned.items():
        counts.setdefault(person, Counter())[truth[key]] += 1
    return {person: some.most_common(1)[0][0] for person, some in counts.items()}


def purity(assigned: dict[str, int], truth: dict[str, int]) -> float:
    """Share of the crops that show whom most crops of their person show."""
    whom = majority(assigned, truth)
    return share(whom[person] == truth[key] for key, person in assigned.items())


def share(values: Any) -> float | None:
    """Share of the values that are true; None of none."""
    found = list(values)
    return sum(found) / len(found) if found else None


def new_people(data: Market, answers: int, tracklets_known: bool) -> dict[str, Any]:
    """Decisions on the tracklets of the second half, by calibrated thresholds."""
    half = len(data.entries) // 2
    calibration = calibration_of(data, half, answers, tracklets_known)
    thresholds = Thresholds.choose(calibration)
    head = {
        "trust": calibration.trust,
        "calibrated": {"same_from": thresholds.same_from, "new_below": thresholds.new_below},
    }
    return head | decisions(data, half, thresholds)


def drawn_people(spread: float) -> dict[str, Any]:
    """The same on drawn vectors, whose sightings are as far from their person as `spread` says, at a share of 0.1."""
    generator = np.random.default_rng(7)
    centers, cameras = generator.standard_normal((351, 128)), 0.7 * generator.standard_normal((6, 128))
    known = np.repeat(np.arange(1, 201), 4)
    later = generator.permutation(
        np.concatenate([generator.integers(1, 201, 300), np.repeat(np.arange(201, 351), 2)])
    )
    entries, vectors = [], []
    for number, who in enumerate([*generator.permutation(known).tolist(), *later.tolist()]):
        camera = int(generator.integers(6))
        middle = centers[who] + cameras[camera] + spread * generator.standard_normal(128)
        for crop in range(5):
            image = f"{who:04d}_c{camera + 1}s1_{number * 200 + crop:06d}_00.jpg"
            time_ = (number * 200 + crop) / FRAMES_PER_SECOND
            entries.append(Entry("/market", image, b"", f"c{camera + 1}", time_, number))
            vectors.append(middle + 0.4 * generator.standard_normal(128))
    rows = np.array(vectors, np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    thresholds = Thresholds(-1.0, -1.0, "calibrated: for nothing but the share of errors", 0.1)
    return {"spread": spread} | decisions(Market(entries, rows), 5 * len(known), thresholds)


def decisions(data: Market, half: int, thresholds: Thresholds) -> dict[str, Any]:
    """Decisions on the tracklets after the first crops, of which a person said whom they show."""
    known = set(data.identities[:half].tolist())
    shown = [data.until(half)]
    with tempfile.TemporaryDirectory() as folder:
        people = people_over(Path(folder), lambda: shown[-1])
        people.assign(
            {
                key: f"identity {who}"
                for key, who in zip(shown[0].keys, data.identities.tolist(), strict=False)
            }
        )
        whose = {one.id: int((one.name or "").split()[1]) for one in people.all()}
        shown.append(data.until(len(data.entries)))
        truth = dict(zip(shown[-1].keys, data.identities.tolist(), strict=True))
        updated = people.update(thresholds)
        first = {}
        for key, entry in zip(shown[-1].keys[half:], shown[-1].entries[half:], strict=True):
            first.setdefault(entry.group, key)
        rows = []
        for key in first.values():
            decision, who = people.state.decisions.get(key), truth[key]
            if decision is not None and decision.by == "tracklet":
                continue
            there = set(whose.values())
            group = "stranger" if who not in there else "known"
            if decision is None:
                rows.append((group, "asked", True))
            elif decision.score is None:
                rows.append((group, "new", who not in there))
                whose[decision.person] = who
            else:
                rows.append((group, "assigned", whose.get(decision.person) == who))
    return {
        "known_people": len(known),
        "decided_by": updated.thresholds,
        "stated_errors": thresholds.target,
        "sightings_of_strangers": sum(group == "stranger" for group, _, _ in rows),
        "strangers_assigned": share(kind == "assigned" for group, kind, _ in rows if group == "stranger"),
        "sightings_of_known_people": sum(group == "known" for group, _, _ in rows),
        "known_called_new": share(kind == "new" for group, kind, _ in rows if group == "known"),
        "assigned": sum(kind == "assigned" for _, kind, _ in rows),
        "assigned_wrong": share(not right for _, kind, right in rows if kind == "assigned"),
        "new": sum(kind == "new" for _, kind, _ in rows),
        "new_wrong": share(not right for _, kind, right in rows if kind == "new"),
        "asked": sum(kind == "asked" for _, kind, _ in rows),
    }


def calibration_of(data: Market, half: int, answers: int, tracklets_known: bool) -> Calibration:
    """Calibrated as in the viewer, where tracklets say of most similar pairs that they are one person, or without."""
    features = Features(unit(torch.from_numpy(data.vectors[:half])))
    labels = contiguous(reseen.JaccardDBSCAN(eps=0.6, k1=20).fit_predict(data.vectors[:half]))
    cameras = np.array([int((entry.camera or "c0")[1:]) for entry in data.entries[:half]])
    tracklets = NOTHING_KNOWN
    if tracklets_known:
        numbers = np.array([entry.tracklet for entry in data.entries[:half]])
        times = np.array([entry.time for entry in data.entries[:half]], dtype=np.float64)
        tracklets = TrackletPairs.of_crops(numbers, cameras, times)
    pool = plan_pool(features, labels, 0, tracklets)
    same = data.identities[pool.first] == data.identities[pool.second]
    asked = AnsweredPairs(*(column[:answers] for column in in_viewer(pool, same, cameras, labels)))
    return calibrate(pool, asked, np.random.default_rng(0))


def scale(count: int) -> dict[str, Any]:
    """Cost of people made of clusters, matched anew, and read again, and of deciding one tracklet."""
    generator = np.random.default_rng(count)
    centers = generator.standard_normal((count, 512)).astype(np.float32)
    vectors = np.repeat(centers, 10, axis=0) + 0.7 * generator.standard_normal(
        (10 * count, 512), dtype=np.float32
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    entries = [
        Entry("/drawn", f"{row:07d}.jpg", b"", f"c{row % 6}", float(row), row // 5, row // 10)
        for row in range(10 * count)
    ]
    shown = [build_collection(entries, vectors)]
    row: dict[str, Any] = {"people": count, "crops": 10 * count}
    with tempfile.TemporaryDirectory() as folder:
        people = people_over(Path(folder), lambda: shown[-1])
        row["made_of_clusters"] = timed(people.update)
        # one crop in twenty goes to the next cluster, and numbers are drawn anew
        numbers = generator.permutation(count)
        moved = generator.random(10 * count) < 0.05
        other = [
            Entry(
                e.source,
                e.image,
                b"",
                e.camera,
                e.time,
                e.tracklet,
                int(numbers[(i // 10 + moved[i]) % count]),
            )
            for i, e in enumerate(entries)
        ]
        shown.append(build_collection(other, vectors))
        row["matched_anew"] = timed(lambda: people.update(Thresholds(0.6, 0.4, "")))
        row["read_again"] = timed(lambda: len(people_over(Path(folder), lambda: shown[-1]).state.members))
        row["renamed"] = timed(lambda: people.rename(next(iter(people.state.members)), "Anna"))
        row["undone"] = timed(people.undo)
        row["journal_megabytes"] = people.journal.file.stat().st_size / 1e6
    index = PersonIndex(512)
    row["index_made"] = timed(lambda: [index.add(p, vectors[10 * p : 10 * p + 10]) for p in range(count)])
    queries = [vectors[10 * at : 10 * at + 5] for at in generator.integers(count, size=100).tolist()]
    seconds = timed(lambda: [index.decide(query, Thresholds(0.6, 0.4, "")) for query in queries])
    row["cpu_milliseconds_per_tracklet"] = 1e3 * seconds / len(queries)
    row["peak_megabytes_of_the_process"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return row


def timed(work: Callable[[], Any]) -> float:
    """CPU seconds of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Measure, print and write."""
    arguments = parse()
    torch.set_num_threads(1)
    record: dict[str, Any] = {}
    if arguments.json and arguments.json.is_file():
        record = json.loads(arguments.json.read_text())
    record |= {
        "command": "python benchmarks/people_over_time.py --data Market-1501 --weights mobilenetv2_100.safetensors "
        f"--crops {arguments.crops}",
        "commit": commit(),
        "hardware": hardware(),
    }
    if "scale" in arguments.only:
        record["scale"] = [scale(count) for count in arguments.people]
    data = market(arguments) if {"kept", "new"} & set(arguments.only) else None
    if data is not None and "kept" in arguments.only:
        record["kept"] = {"machine": kept(data, False), "corrected": kept(data, True)}
    if "drawn" in arguments.only:
        record["new_drawn"] = [drawn_people(spread) for spread in (0.4, 0.7, 1.0)]
    if data is not None and "new" in arguments.only:
        record["new"] = {
            "tracklets_known": new_people(data, arguments.answers, True),
            "answers_alone": new_people(data, arguments.answers, False),
        }
    text = json.dumps(rounded(record), indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()

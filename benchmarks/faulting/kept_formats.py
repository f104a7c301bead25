"""Files that reseen itself wrote beside runs, data and galleries, and reads again: each may come from a stranger."""

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from benchmarks.faulting import binary_structures as binary
from benchmarks.faulting import structures
from benchmarks.faulting.desk import Desk
from benchmarks.faulting.format import Format

from reseen.audit import Calibration, SignalChange, Stratum, Verdict
from reseen.data import pixel_cache as cache
from reseen.data.pixels import open_pixels
from reseen.datasets import cuhk03, read_evaluation, read_training
from reseen.evaluate.leaderboard import build_leaderboard, read_results
from reseen.export.fingerprint import ModelIdentity
from reseen.features.mapped_vectors import map_vectors, open_vector_file
from reseen.features.partitions import MANIFEST, partition_files
from reseen.gallery.deletion_log import NAME as LEDGER
from reseen.gallery.deletion_log import Deletion, read_deletion_log
from reseen.gallery.edits.edit import Edit
from reseen.gallery.edits.journal import JOURNAL_NAME, Journal
from reseen.gallery.edits.pair_constraints import pair_constraints
from reseen.gallery.edits.people_change import Candidate, Decision, PeopleChange, PeopleState
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.index import known_clusters
from reseen.gallery.people.differences import compare_people
from reseen.gallery.stores.edge import read_journal, write_journal
from reseen.gallery.stores.gallery_folder import GalleryFolder
from reseen.neighbors.out_of_core import Scratch
from reseen.pages.leaderboard_page import write_leaderboard
from reseen.runs.run import open_run
from reseen.runs.run_outcome import OUTCOME, CollapseStop, RunOutcome, read_outcome
from reseen.tasks.audit.audit import AUDIT
from reseen.tasks.audit.select_run import choose_run, read_calibration
from reseen.tasks.audit.verify import SHEETS, read_sheets
from reseen.viewer.maps import project

KEPT = (
    "shard.tar", "clusters.csv", "splits.json", "audit.json", "outcome.json", "verify.json", "result.json",
    "gallery.json", "forgotten.jsonl", "mends.jsonl", "journal", "entry.json", "pixels.npy", "vectors.npy", "map.npy",
    "partitions.json",
)  # fmt: skip
"""Their names."""

_RESULTS = Path(__file__).parents[1] / "results"


def kept_formats(desk: Desk) -> list[Format]:
    """All of them."""
    of_json, lines = structures.of_json, structures.of_json_lines
    made: list[Format] = [
        Format("shard.tar", "crops.tar", [_shard(desk)], [_training, _evaluation], binary.of_tar),
        Format("clusters.csv", "clusters.csv", [_clusters()], [_clusters_reader(desk)], structures.of_csv),
        Format("splits.json", "splits_new_detected.json", [_splits()], [_cuhk03], of_json),
        Format("audit.json", AUDIT, [_audit()], [_audit_reader(desk)], of_json),
        Format("outcome.json", OUTCOME, [_outcome()], [lambda file: read_outcome(file.parent)], of_json),
        Format("verify.json", SHEETS, [_sheets()], [lambda file: read_sheets(file.parent)], of_json),
        Format("result.json", "result.json", _results(), [_leaderboard], of_json),
        Format("gallery.json", "gallery.json", [_card()], [_gallery], of_json),
        Format("forgotten.jsonl", LEDGER, [_ledger()], [_read_ledger], lines),
        Format("mends.jsonl", JOURNAL_NAME, [_edits()], [_journal], lines),
        Format("journal", "journal", [_replaced(desk)], [read_journal], binary.of_npz),
        Format("entry.json", cache.DETAILS_FILE, [_entry(desk, cache.DETAILS_FILE)], [_cache_reader(desk)], of_json),
        Format("pixels.npy", cache.PIXELS_FILE, [_entry(desk, cache.PIXELS_FILE)], [_cache_reader(desk)],
               binary.of_npy),
        Format("vectors.npy", "vectors.npy", [_array(np.eye(4, 8, dtype=np.float32))], [_vectors], binary.of_npy),
        Format("map.npy", "map.npy", [_array(np.zeros((4, 2), np.float32))], [_map], binary.of_npy),
        Format("partitions.json", MANIFEST, [_manifest()], [_partitions], of_json),
    ]  # fmt: skip
    return made


def _training(file: Path) -> None:
    read_training(file)


def _evaluation(file: Path) -> None:
    read_evaluation(file)


def _shard(desk: Desk) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as made:
        for number, split in enumerate(("train", "train", "query", "gallery")):
            said = {
                "camera": "a",
                "tracklet": 3,
                "time": 1.5,
                "identity": number,
                "split": split,
                "url": {"a": [1]},
            }
            for name, content in (
                (f"{number}.png", (desk.crops / f"{number}.png").read_bytes()),
                (f"{number}.json", json.dumps(said).encode()),
            ):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                made.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _clusters() -> bytes:
    return b"path,cluster\n" + b"".join(b"%d.png,%d\n" % (number, number // 2 - 1) for number in range(4))


def _clusters_reader(desk: Desk) -> Callable[[Path], object]:
    run, table = open_run(desk.run), read_training(desk.crops)
    return lambda file: known_clusters(run, table, file)


def _splits() -> bytes:
    listed = {
        name: [[f"images_detected/1_00{n}_1_01.png", 1, 0]]
        for n, name in enumerate(("train", "query", "gallery"))
    }
    return json.dumps([listed]).encode()


def _cuhk03(file: Path) -> None:
    folder = file.parent / "images_detected"
    folder.mkdir(exist_ok=True)
    for number in range(3):
        (folder / f"1_00{number}_1_01.png").touch()
    cuhk03.training(file.parent, "detected")
    cuhk03.splits(file.parent, "detected")


def _audit() -> bytes:
    calibration = Calibration(
        "medium",
        "a",
        90,
        0,
        -0.5,
        0.1,
        (-0.5, 0.0, 0.5),
        (0.0, 0.25, 1.0),
        0.25,
        0.01,
        (0.0, 0.02),
        0.1,
        (0.05, 0.2),
    )
    values = {
        "data": "x",
        "score": 0.3,
        "verdict": {"outcome": "better"},
        "calibration": calibration.to_json(),
    }
    return json.dumps(values).encode()


def _outcome() -> bytes:
    signal = SignalChange("own_view", "a", 0.5, 0.75)
    verdict = Verdict("better", 0.5, 0.75, (0.125, 0.25), (signal,), 9, "b")
    return json.dumps(asdict(RunOutcome(2, CollapseStop(4, 2, ("c",)), verdict))).encode()


def _audit_reader(desk: Desk) -> Callable[[Path], object]:
    folder = desk.folder / "run with another audit"
    shutil.copytree(desk.run, folder, dirs_exist_ok=True)

    def read(file: Path) -> None:
        shutil.copy(file, folder / AUDIT)
        choose_run([folder, folder])
        calibration = read_calibration(folder)
        calibration.probability(np.linspace(-1, 1, 9))
        if calibration.threshold is not None and calibration.missed_interval is not None:
            f"{calibration.threshold:.3f} {calibration.false_share:.1%} {calibration.missed_interval[0]:.1%}"

    return read


def _sheets() -> bytes:
    stratum = Stratum("together-1", True, float("-inf"), 2.0, 12.0)
    return json.dumps({"ab12": [stratum.__dict__]}).encode()


def _results() -> list[bytes]:
    rules = {"re_ranking": "none", "query_expansion": "none", "mirrored_features": False, "domain": None}
    training = {
        "method": "sphere", "seed": 0, "cameras": 3, "rounds": 2, "data": "x", "command": "reseen train",
        "recipe": {"seed": 0, "train": {"rounds": 2}},
    }  # fmt: skip
    score = {
        "protocol": "market", "mAP": 0.1, "cmc": {"1": 0.2, "5": 0.3, "10": 0.4}, "mINP": 0.1, "queries": 9,
        "gallery": 90, "rules": rules, "training": training,
    }  # fmt: skip
    file = next(iter(sorted(_RESULTS.glob("market-mini--dbc*.json"))))
    return [json.dumps(score).encode(), file.read_bytes()]


def _leaderboard(file: Path) -> None:
    found, skipped = read_results(file.parent)
    write_leaderboard(file.parent / "out", build_leaderboard(found, skipped))


def _card() -> bytes:
    model = ModelIdentity("f" * 64, 8, "cluster-contrast", "resnet18", 64, 32, "/runs/a")
    return json.dumps({"format": 1, "engine": "edge", "model": model.to_json()}).encode()


def _gallery(file: Path) -> None:
    folder = GalleryFolder(file.parent, "edge", None, create=False)
    try:
        f"{folder.model.name} {folder.model.dimension + folder.model.height}"
    finally:
        folder.release()


def _ledger() -> bytes:
    line = Deletion("2026-05-01T12:00:00+00:00", "cluster", ("a", "b"), True, 1)
    return 3 * (json.dumps(line.__dict__) + "\n").encode()


def _read_ledger(file: Path) -> None:
    for line in read_deletion_log(str(file.parent)):
        set(line.keys) & {"a"}


def _edits() -> bytes:
    edit = Edit(
        "merge",
        "2026-05-01",
        "merged 1 and 2",
        {"a": 1, "b": None},
        {"a": 2, "b": 2},
        (("a", "b"),),
        (("a", "c"),),
    )
    change = PeopleChange(
        {"a": Decision(1, "cluster", 0.5), "b": Decision(2, "person"), "c": None},
        {1: "Anna", 2: None},
        {3: 1},
        {"a": (2,)},
        {"c": (Candidate(1, 0.4), Candidate(2, 0.3))},
    )
    people = Edit("people-update", "2026-05-01", "matched people", people=change)
    lines = [
        {"people": 3},
        {"edit": people.to_plain()},
        {"edit": edit.to_plain()},
        {"undo": "x"},
        {"redo": "x"},
        {"edit": edit.to_plain()},
        {"cancel": "x"},
        {"anew": "x"},
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _journal(file: Path) -> None:
    journal = Journal(file)
    history = journal.history
    compare_people(PeopleState(), journal.people)
    journal.holds(["a"])
    pair_constraints(history.done, ("a", "b", "c"))
    np.array(
        [-1 if number is None else number for number in history.expected_clusters().values()], dtype=np.int64
    )
    history.past_clusters()


def _replaced(desk: Desk) -> bytes:
    entries = [Entry("/crops", "a.jpg", b"x", "c1", 1.5, 3, -1), Entry("/crops", "b.jpg")]
    file = desk.folder / "replaced.npz"
    write_journal(file, Entries(entries, np.eye(2, 8, dtype=np.float32)))
    return file.read_bytes()


def _entry(desk: Desk, name: str) -> bytes:
    folder = desk.folder / "decoded"
    shutil.rmtree(folder, ignore_errors=True)  # of other times of the crops
    open_pixels(read_training(desk.crops), 24, 12, cache_dir=folder, progress=False)
    (entry,) = (folder / "pixels").iterdir()
    return (entry / name).read_bytes()


def _cache_reader(desk: Desk) -> Callable[[Path], object]:
    folder = desk.folder / "decoded"
    table = read_training(desk.crops)

    def read(file: Path) -> None:
        open_pixels(table, 24, 12, cache_dir=folder, progress=False)
        (entry,) = (folder / "pixels").iterdir()
        shutil.copy(file, entry / file.name)
        for known in cache.entries(folder / "pixels"):
            f"{known.size_bytes:,} {known.details}"
        store = open_pixels(table, 24, 12, cache_dir=folder, progress=False)
        store.images(torch.arange(4))

    return read


def _array(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def _vectors(file: Path) -> None:
    map_vectors(open_vector_file(file), Scratch(file.parent / "scratch"))


def _map(file: Path) -> None:
    vectors = np.eye(4, 8, dtype=np.float32)
    folder = file.parent / "maps"
    project(vectors, "principal", folder)
    (kept,) = folder.glob("*.npy")
    shutil.copy(file, kept)
    places = project(vectors, "principal", folder)
    assert places.shape == (4, 2)
    assert np.isfinite(places).all()
    shutil.rmtree(folder)


def _partitions(file: Path) -> None:
    (file.parent / "rows-0.parquet").touch()
    partition_files(file.parent)


def _manifest() -> bytes:
    return json.dumps({"done": True, "partitions": 3, "data": "x", "run": {"a": 1}}).encode()

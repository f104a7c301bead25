"""Five kinds of work that are interrupted: training, extraction, indexing, writing of results, forgetting."""

import csv
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from benchmarks.faulting.desk import TINY, Desk

import reseen
from reseen.audit.answers import Answer, write_answers
from reseen.config import read_yaml
from reseen.data.pixels import open_pixels
from reseen.datasets import read_training
from reseen.errors import ReseenError
from reseen.gallery.copies import record_copy
from reseen.gallery.deletion_log import read_deletion_log
from reseen.gallery.stores.edge import EdgeStore
from reseen.runs.camera_file import CAMERAS, read_camera_means
from reseen.runs.checkpoint import CHECKPOINT, read_checkpoint
from reseen.runs.log import read_log
from reseen.runs.run import open_run

ROUNDS = 3
PART = 8
"""Crops in a part of extraction and indexing, which are thousands elsewhere."""


@dataclass(frozen=True)
class Work:
    """Something that is done in a folder, can be interrupted, and goes on when the same is said again."""

    name: str
    commands: Callable[[Desk, Path], list[list[str]]]
    """Command lines, from the desk and the folder to write into."""
    facts: Callable[[Path], Any]
    """What must be the same in the end, to the bit, however often it was interrupted."""
    prepare: Callable[[Desk, Path], None] | None = None
    """Lays into the folder what must be there before the work begins."""


def training(desk: Desk, place: Path) -> list[list[str]]:
    """Three rounds on the crowd."""
    flags = [*TINY, "--train.rounds", str(ROUNDS), "--train.iterations", "3"]
    return [
        [
            "train",
            "cluster-contrast",
            "--data",
            str(desk.crowd),
            "--out",
            str(place / "run"),
            "--resume",
            *flags,
        ]
    ]


def extraction(desk: Desk, place: Path) -> list[list[str]]:
    """Vectors of the crowd's crops."""
    return [["embed", str(desk.run), "--data", str(desk.crowd), "--out", str(place / "vectors.parquet")]]


def indexing(desk: Desk, place: Path) -> list[list[str]]:
    """A gallery of the crowd's crops."""
    return [["index", str(desk.run), "--data", str(desk.crowd), "--gallery", str(place / "gallery")]]


def results(desk: Desk, place: Path) -> list[list[str]]:
    """A score as JSON and a page, clusters as CSV and a page."""
    crowd, run = str(desk.crowd), str(desk.run)
    score = [
        "evaluate",
        run,
        "--data",
        crowd,
        "--json",
        str(place / "score.json"),
        "--report",
        str(place / "score.html"),
    ]
    return [score, ["cluster", run, "--data", crowd, "--out", str(place / "clusters.csv")]]  # fmt: skip


def forgetting(desk: Desk, place: Path) -> list[list[str]]:
    """Five crops of a gallery, wherever anything of them is kept."""
    named = [word for image in read_training(desk.crowd).paths[:5] for word in ("--image", image)]
    return [["forget", str(place / "gallery"), *named, "--files", str(place / "files.txt"), "--yes"]]


def lay_gallery(desk: Desk, place: Path) -> None:
    """A gallery of the crowd, its decoded crops in a cache of the run's own, a map, and answers that name crops."""
    made, decoded = desk.folder / "gallery", desk.folder / "decoded"
    table = read_training(desk.crowd)
    if not (desk.folder / "laid").is_file():
        reseen.index_run(desk.run, desk.crowd, made, quiet=True)
        open_pixels(table, 64, 32, cache_dir=decoded, progress=False)
        (desk.folder / "laid").touch()
    shutil.copytree(made, place / "gallery", ignore=shutil.ignore_patterns("copies.jsonl"))
    shutil.copytree(decoded, place / "own")
    (place / "gallery.map").mkdir()
    (place / "gallery.map" / "neighbors-0.npy").write_bytes(b"places")
    answers = place / "gallery" / "answers.csv"
    first, sixth, seventh = table.paths[0], table.paths[5], table.paths[6]
    write_answers(
        answers,
        [Answer("v", "m", "same", (first, sixth)), Answer("v", "m", "same", (sixth, seventh))],
    )
    record_copy(str(place / "gallery"), "answers", answers, source=str(table.root))
    record_copy(str(place / "gallery"), "pixels", place / "own" / "pixels")


def _forgotten_facts(place: Path) -> Any:
    address = str(place / "gallery")
    last = read_deletion_log(address)[-1]
    kept = [file.relative_to(place).as_posix() for file in (place / "gallery").glob("forgetting*")]
    pixels = [str(folder) for folder in (place / "own" / "pixels").iterdir()]
    return [
        _gallery_facts(place),
        (last.by, last.keys, last.verified),
        [kept, pixels, list((place / "gallery.map").iterdir())],
        (place / "gallery" / "answers.csv").read_text(),
        (place / "files.txt").read_text(),
    ]


def _run_facts(place: Path) -> Any:
    timing = re.compile(r"seconds$|images_per_second$")
    run = place / "run"
    rows = [{key: value for key, value in row.items() if not timing.search(key)} for row in read_log(run)]
    tensors, metadata = read_checkpoint(run / CHECKPOINT)  # the order in the file is any
    numbers = {
        name: digest(value.reshape(-1).view(torch.uint8).numpy().data) for name, value in tensors.items()
    }
    return [
        sorted(metadata.items()),
        sorted(numbers.items()),
        digest((run / "clusters.parquet").read_bytes()),
        rows,
    ]


def _gallery_facts(place: Path) -> Any:
    with EdgeStore(place / "gallery") as store:
        parts = list(store.scan())
    rows = [pair for part in parts for pair in zip(part.entries, part.vectors, strict=True)]
    return sorted((entry.key, repr(entry), row.tobytes()) for entry, row in rows)


def _file_facts(*names: str) -> Callable[[Path], Any]:
    return lambda place: [digest((place / name).read_bytes()) for name in names]


WORKS = (
    Work("training", training, _run_facts),
    Work("extraction", extraction, _file_facts("vectors.parquet")),
    Work("indexing", indexing, _gallery_facts),
    Work("results", results, _file_facts("score.json", "score.html", "clusters.csv", "clusters.html")),
    Work("forgetting", forgetting, _forgotten_facts, lay_gallery),
)


def digest(content: bytes | memoryview) -> str:
    """SHA-256 (hex)."""
    return hashlib.sha256(content).hexdigest()


def rounds_said(output: str) -> int:
    """The last round that a training said it had done."""
    return max((int(number) for number in re.findall(r"^round (\d+): loss", output, re.MULTILINE)), default=0)


def rounds_held(place: Path) -> int:
    """Whole rounds in the run folder."""
    return open_run(place / "run").rounds_done if (place / "run" / CHECKPOINT).is_file() else 0


def broken_files(place: Path) -> list[str]:
    """Files that are there under their names and not whole; temporary ones and the gallery's own are passed over."""
    broken = []
    for file in sorted(place.rglob("*")):
        inside = file.relative_to(place).parts
        if not file.is_file() or inside[0] == "gallery" or any(part.startswith(".") for part in inside):
            continue
        try:
            _read_whole(file)
        except (ReseenError, OSError, ValueError, KeyError, AssertionError) as error:
            broken.append(f"{file.relative_to(place)}: {error}")
    return broken


def leftovers(place: Path) -> list[str]:
    """Temporary files that nobody will remove."""
    return [
        str(file.relative_to(place)) for file in place.rglob(".*") if file.name.endswith((".part", ".parts"))
    ] + [file.name for file in place.rglob(".tmp-*")]


def _read_whole(file: Path) -> None:
    kind = file.suffix
    if file.name == CAMERAS:
        read_camera_means(file, of="any round")
    elif kind == ".safetensors":
        read_checkpoint(file)
    elif kind == ".parquet":
        pq.read_table(file)
    elif kind == ".json":
        json.loads(file.read_text(encoding="utf-8"))
    elif kind == ".jsonl":
        for line in file.read_text(encoding="utf-8").split("\n")[
            :-1
        ]:  # the last may be cut short, and is left out then
            json.loads(line)
    elif kind == ".yaml":
        read_yaml(file)
    elif kind == ".html":
        assert file.read_text(encoding="utf-8").rstrip().endswith("</html>"), "cut short"
    elif kind == ".csv":
        rows = list(csv.reader(file.open(encoding="utf-8")))
        assert len({len(row) for row in rows}) == 1, "cut short"

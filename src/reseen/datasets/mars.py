"""MARS: `bbox_train` and `bbox_test` with files `PPPP/PPPPCcTttttFfff.jpg`, and `info`, which defines the tracklets.

In training, person, camera and tracklet number in a file name identify a tracklet. In evaluation, tracklets are defined
by `info`: `tracks_test_info.mat` has a row (first, last, person, camera) for each tracklet, as line numbers of
`test_name.txt`, and `query_IDX.mat` lists the query rows. Identity -1 is junk, 0 a distractor. The authors' script also
retrieves the other queries; without them, 140 queries have no match in the gallery. This is why there are two variants.
Reference: Zheng et al. 2016, "MARS: A Video Benchmark for Large-Scale Person Re-identification".
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reseen.datasets.benchmark_splits import read_matrix
from reseen.datasets.dataset import Counts, Dataset, Layout, Variant
from reseen.datasets.folder import first_image, image_paths
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.errors import DataError

NAME = re.compile(r"(?P<tracklet>(?P<person>\d{4}|00-1)C(?P<camera>\d)T\d{4})F\d{3,4}\.\w+")
"""Matches a file name: person, camera, tracklet, frame."""

QUERIES_INCLUDED, QUERIES_EXCLUDED = "queries-in-gallery", "queries-apart"


def matches(root: Path) -> bool:
    """Whether `bbox_train` or `bbox_test` contains a file with a matching name."""
    firsts = [first_image(root / folder) for folder in ("bbox_train", "bbox_test")]
    return any(first and NAME.fullmatch(first.rpartition("/")[2]) for first in firsts)


def training(root: Path, _variant: str) -> Rows:
    """The crops of `bbox_train` with camera and tracklet; identities are not read.

    Raises:
        DataError: the folder is missing or empty, or a file name does not match.
    """
    paths = [f"bbox_train/{path}" for path in image_paths(root / "bbox_train")]
    return _rows(root, paths, [_parse(root, path)["tracklet"] for path in paths])


def splits(root: Path, variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits in `names`, or all present ones if None, with identities, including junk.

    Raises:
        DataError: as in `training`; or an `info` file is missing or does not match the crops.
    """
    if names is None:
        names = [name for name in ("train",) if (root / "bbox_train").is_dir()]
        names += ["query", "gallery"] if (root / "bbox_test").is_dir() else []
    by_split = {}
    if "train" in names:
        rows = training(root, variant)
        by_split["train"] = LabeledRows(rows, [_person(root, path) for path in rows.paths])
    if "query" in names or "gallery" in names:
        tracks, queries = _tracks(root)
        is_query = np.zeros(len(tracks), dtype=bool)
        is_query[queries] = True
        members = {
            "query": is_query,
            "gallery": np.ones_like(is_query) if variant == QUERIES_INCLUDED else ~is_query,
        }
        lines = _lines(root)
        by_split |= {name: _split(root, tracks, lines, members[name]) for name in names if name in members}
    return by_split


def _tracks(root: Path) -> tuple[np.ndarray, np.ndarray]:
    """All tracklets as rows (first line, last line, person, camera), lines from 1; and the indices of the queries."""
    file = root / "info" / "tracks_test_info.mat"
    if not (root / "info").is_dir():
        raise DataError(
            f"{root}: no folder info, which defines the tracklets and queries of MARS; it is published with the "
            "authors' evaluation code"
        )
    tracks = read_matrix(file, "track_test_info")
    queries = read_matrix(root / "info" / "query_IDX.mat", "query_IDX").ravel() - 1
    if tracks.shape[1] != 4:
        raise DataError(f"{file}: expected 4 numbers per tracklet, found {tracks.shape[1]}")
    if len(queries) == 0 or queries.min() < 0 or queries.max() >= len(tracks):
        raise DataError(
            f"{root / 'info' / 'query_IDX.mat'}: lists tracklets out of range; there are {len(tracks):,}"
        )
    return tracks, queries


def _lines(root: Path) -> list[str]:
    file = root / "info" / "test_name.txt"
    try:
        return file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: the list of test crops cannot be read ({error})") from None


def _split(root: Path, tracks: np.ndarray, lines: list[str], members: np.ndarray) -> LabeledRows:
    paths, tracklets, identities = [], [], []
    for index in np.flatnonzero(members):
        first, last, person, camera = tracks[index].tolist()
        if not 1 <= first <= last <= len(lines):
            raise DataError(
                f"{root / 'info'}: tracklet {index + 1} is lines {first} to {last} of test_name.txt, which has "
                f"{len(lines):,}"
            )
        for name in lines[first - 1 : last]:
            path = f"bbox_test/{name[:4]}/{name}"
            match = _parse(root, path)
            if int(match["camera"]) != camera or _person(root, path) != person:
                raise DataError(
                    f"{root / 'info'}: tracklet {index + 1} is of person {person} and camera {camera}, but contains "
                    f"{name}; info and crops are from different releases"
                )
            paths.append(path)
            tracklets.append(str(index + 1))
            identities.append(person)
    return LabeledRows(_rows(root, paths, tracklets), identities)


def _rows(root: Path, paths: list[str], tracklets: list[str]) -> Rows:
    return Rows(root, paths, [f"c{_parse(root, path)['camera']}" for path in paths], tracklets)


def _person(root: Path, path: str) -> int:
    person = _parse(root, path)["person"]
    return -1 if person == "00-1" else int(person)


def _parse(root: Path, path: str) -> re.Match[str]:
    match = NAME.fullmatch(path.rpartition("/")[2])
    if match is None:
        raise DataError(f"{root}: {path} is not named like PPPPCcTttttFfff.jpg")
    return match


def _published(gallery: int) -> Counts:
    return {
        "train": {"people": 625, "tracklets": 8_298, "cameras": 6},
        "query": {"people": 626, "tracklets": 1_980, "cameras": 6},
        "gallery": {"tracklets": gallery, "cameras": 6},
    }


DATASET = Dataset(
    layout=Layout.MARS,
    title="MARS",
    matches=matches,
    training=training,
    splits=splits,
    zero_is_distractor=True,
    variants=(
        Variant(
            QUERIES_INCLUDED,
            "queries are in the gallery too, as the authors score",
            "video",
            _published(12_180),
        ),
        Variant(
            QUERIES_EXCLUDED,
            "queries are not in the gallery; 140 have no answer",
            "video",
            _published(10_200),
        ),
    ),
    source="Zheng et al. 2016, MARS: A Video Benchmark for Large-Scale Person Re-identification",
    page="https://zheng-lab.cecs.anu.edu.au/Project/project_mars.html",
    terms="no license is stated; offered for research",
    access="page",
    size="20,478 tracklets of 1,261 people, 6 cameras, over a million crops",
    note="Counts of the gallery include junk (identity -1), which is dropped before scoring: 9,330 remain without the "
    "queries. Distractors (identity 0) are kept.",
    expected_files="bbox_train, bbox_test, info",
)

"""Clusters of vectors alone, against the ways that hold everything in memory; and the budget, measured."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

import reseen
from reseen.cluster import DbscanSettings, choose_eps, cluster_features, dbscan
from reseen.cluster.auto_settings import CANDIDATES
from reseen.cluster.clusterings import hierarchy
from reseen.cluster.hierarchy import grow_hierarchy
from reseen.errors import DataError, SettingsError, StorageError
from reseen.neighbors import JaccardSettings, jaccard_distance, nearest
from reseen.records import Features
from reseen.runs.process_memory import own_bytes
from reseen.tasks.clustering.cluster_vectors import cluster_vectors

DBSCAN = ("--clustering.name", "dbscan", "--clustering.jaccard.k1", "12", "--clustering.jaccard.k2", "3")


def crowd(n=400, d=24, people=25, seed=0):
    generator = np.random.default_rng(seed)
    who = generator.integers(0, people, n)
    rows = generator.normal(size=(people, d))[who] + 0.5 * generator.normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), who


@pytest.fixture
def vectors(tmp_path):
    rows, _ = crowd()
    np.save(tmp_path / "v.npy", rows)
    return tmp_path / "v.npy"


def same(one, other):
    return adjusted_rand_score(one, other) == 1


def test_dbscan_is_that_of_training(vectors, tmp_path):
    made = cluster_vectors(vectors, tmp_path / "c.csv", settings=DBSCAN, quiet=True)
    expected = cluster_features(
        Features(torch.from_numpy(crowd()[0])), JaccardSettings(k1=12, k2=3), DbscanSettings()
    )
    assert same(made.labels.labels, expected.labels.labels)
    np.testing.assert_array_equal(made.labels.labels == -1, expected.labels.labels == -1)
    assert list(made.stages) == ["vectors", "search", "jaccard", "dbscan", "measuring", "writing"]
    assert made.labels.sizes.tolist() == sorted(made.labels.sizes.tolist(), reverse=True)


def test_eps_auto_is_chosen_from_one_graph(vectors, tmp_path):
    made = cluster_vectors(
        vectors, tmp_path / "c.csv", settings=[*DBSCAN, "--clustering.eps", "auto"], quiet=True
    )
    features, jaccard = Features(torch.from_numpy(crowd()[0])), JaccardSettings(k1=12, k2=3)
    graph = jaccard_distance(features, nearest(features, jaccard.columns), jaccard, CANDIDATES[-1])
    choice = choose_eps(graph, DbscanSettings().min_samples)
    assert same(made.labels.labels, dbscan(graph, choice.eps, DbscanSettings().min_samples).labels)
    assert str(choice) in made.notes


@pytest.mark.parametrize("flags", [[], ["--clustering.clusters", "30"], ["--clustering.steps", "9"]], ids=str)
def test_merging_is_that_in_memory(vectors, tmp_path, flags):
    made = cluster_vectors(vectors, tmp_path / "c.csv", settings=flags, quiet=True)
    expected = grow_hierarchy(crowd()[0], made.settings.clustering)
    assert same(made.labels.labels, expected.labels.labels)
    assert "exact search" in made.notes[0]


def test_the_table_has_a_row_for_every_vector_in_their_order(tmp_path):
    rows, _ = crowd(60, people=6)
    table = {
        "path": [f"{row}, x.jpg" for row in range(60)],
        "camera": ["a", None] * 30,
        "vector": rows.tolist(),
    }
    pq.write_table(pa.table(table), tmp_path / "v.parquet")
    made = cluster_vectors(
        tmp_path / "v.parquet",
        tmp_path / "c.csv",
        settings=["--clustering.clusters", "9"],
        smallest=4,
        quiet=True,
    )
    found = list(csv.DictReader((tmp_path / "c.csv").open(newline="")))
    assert [row["path"] for row in found] == table["path"]
    assert [row["camera"] for row in found] == ["a", ""] * 30
    assert [int(row["cluster"]) for row in found] == made.labels.labels.tolist()
    assert made.labels.sizes.min() >= 4
    for row, line in enumerate(found):
        if line["cluster"] == "-1":
            assert line["similarity"] == ""
            continue
        mean = rows[made.labels.labels == int(line["cluster"])].mean(axis=0)
        assert float(line["similarity"]) == pytest.approx(rows[row] @ mean / np.linalg.norm(mean), abs=1e-4)
    summary = json.loads((tmp_path / "c.json").read_text())
    assert summary["clusters"] == made.labels.cluster_count
    assert summary["stages"]["search"]["seconds"] > 0
    assert not list(tmp_path.glob(".c.csv.*"))


def test_stopped_work_goes_on_with_the_neighbors_found(vectors, tmp_path, monkeypatch):
    grow = hierarchy.grow_hierarchy

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(hierarchy, "grow_hierarchy", stop)
    with pytest.raises(KeyboardInterrupt):
        cluster_vectors(vectors, tmp_path / "c.csv", quiet=True)
    assert not (tmp_path / "c.csv").exists()
    kept = np.load(tmp_path / ".c.csv.work" / "indices.npy")
    marked = kept.copy()
    marked[0] = marked[0, 0]  # if it is searched again, this is put right
    np.save(tmp_path / ".c.csv.work" / "indices.npy", marked)
    seen = []

    def look(*arguments, neighbors, **more):
        seen.append(neighbors.indices[0].copy())
        return grow(*arguments, neighbors=neighbors, **more)

    monkeypatch.setattr(hierarchy, "grow_hierarchy", look)
    cluster_vectors(vectors, tmp_path / "c.csv", quiet=True)
    assert (seen[0] == marked[0]).all()
    assert not (tmp_path / ".c.csv.work").exists()


def test_what_is_wrong_is_said_before_any_work(vectors, tmp_path):
    def cluster(*flags, out=tmp_path / "c.csv", **more):
        return cluster_vectors(vectors, out, settings=flags, quiet=True, **more)

    with pytest.raises(SettingsError, match=r"clustering 400 vectors .* needs at least .*raise the limit"):
        cluster(memory="1MB")
    with pytest.raises(SettingsError, match="expected an amount of memory"):
        cluster(memory="lots")
    with pytest.raises(SettingsError, match=r"clustering: no setting 'eps'"):
        cluster("--clustering.eps", "0.5")
    with pytest.raises(SettingsError, match=r"clustering: no setting 'clusters'"):
        cluster("--clustering.name", "dbscan", "--clustering.clusters", "3")
    with pytest.raises(SettingsError, match="only be merged by costs that are inner products"):
        cluster("--clustering.linkage", "single")
    with pytest.raises(SettingsError, match="smallest must be at least 1"):
        cluster(smallest=0)
    for out in (tmp_path, tmp_path / "c.json", vectors):
        with pytest.raises(StorageError, match="give the name of a CSV file"):
            cluster(out=out)
    with pytest.raises(DataError, match="does not exist"):
        cluster_vectors(tmp_path / "none.npy", tmp_path / "c.csv")
    assert {path.name for path in tmp_path.iterdir()} == {"v.npy"}


CHILD = """
import json, os, sys, threading, time
import numpy as np
from reseen.runs.process_memory import own_bytes
import reseen.tasks.clustering.cluster_vectors as module

def measure(source, out, budget, flags):
    most, end = [0], threading.Event()
    def look():
        while not end.wait(0.002):
            most[0] = max(most[0], own_bytes())
    threading.Thread(target=look, daemon=True).start()
    start = own_bytes()
    made = module.cluster_vectors(source, out, memory=int(budget) + start, settings=flags, quiet=True)
    end.set()
    print(json.dumps({"most": most[0], "start": start, "clusters": made.labels.cluster_count}), flush=True)

source, out, budget, cases = sys.argv[1:]
for place, flags in enumerate(json.loads(cases)):
    child = os.fork()
    if not child:
        measure(source, f"{out}{place}.csv", budget, flags)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, flags
"""
"""Every case in a process of its own, forked where torch is loaded already."""


@pytest.mark.skipif(own_bytes() is None, reason="only Linux tells a process's own memory")
def test_the_budget_is_kept(tmp_path):
    """Watched from a thread of the test's own: 7,800 vectors whose full matrix of distances takes more."""
    rows, _ = crowd(7_800, d=32, people=500)
    np.save(tmp_path / "v.npy", rows)
    budget = 240_000_000
    assert 4 * len(rows) ** 2 > budget
    cases = [
        ["--clustering.name", "dbscan"],
        ["--clustering.name", "dbscan", "--search.mode", "approximate"],
        ["--clustering.steps", "9"],
    ]
    places = (str(tmp_path / "v.npy"), str(tmp_path / "c"))
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *places, str(budget), json.dumps(cases)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(cases)
    for case, one in zip(cases, found, strict=True):
        assert one["most"] <= one["start"] + budget, case
        assert one["clusters"] > 100, case


def test_it_is_a_public_name():
    assert reseen.cluster_vectors is cluster_vectors

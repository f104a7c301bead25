"""Clusters of crops from vectors made by hand: three people, one lone crop, one crop in the wrong cluster."""

import csv
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import reseen
from reseen.cluster.clusterings import HierarchicalClustering
from reseen.cluster.hierarchy import grow_hierarchy
from reseen.errors import DataError, SettingsError, StorageError
from reseen.gallery.known_clusters import _read_csv
from reseen.records import PseudoLabels
from reseen.tasks.clustering import cluster_pages
from reseen.tasks.clustering import cluster_pages as cluster_sheets
from reseen.tasks.clustering.cluster import COLUMNS, cluster_crops

PEOPLE = [0] * 4 + [1] * 9 + [2] * 6 + [3]


@pytest.fixture
def crops(make_images):
    return make_images(*(f"{place:02d}, c{place % 3}.png" for place in range(len(PEOPLE))))


@pytest.fixture
def vectors(tmp_path):
    generator = np.random.default_rng(0)
    centers = np.eye(4, 16)
    rows = centers[PEOPLE] + 0.1 * generator.normal(size=(len(PEOPLE), 16))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    paths = [f"{place:02d}, c{place % 3}.png" for place in range(len(PEOPLE))]
    cameras = [f"c{place % 3}" for place in range(len(PEOPLE))]
    file = tmp_path / "v.parquet"
    pq.write_table(pa.table({"path": paths, "camera": cameras, "vector": rows.tolist()}), file)
    return file


FOUR = ("--clustering.clusters", "4")


def test_people_are_found_and_numbered_largest_first(vectors, crops, tmp_path):
    made = cluster_crops(vectors, crops, tmp_path / "c.csv", settings=FOUR, quiet=True)
    assert made.labels.labels.tolist() == [[2, 0, 1, 3][person] for person in PEOPLE]
    assert made.chosen.startswith("merged to 4 clusters, as specified; the highest merge cost is 0.")
    assert made.page == tmp_path / "c.html"
    assert made.trees == ()


def test_the_table_says_where_each_crop_stands(vectors, crops, tmp_path):
    made = cluster_crops(vectors, crops, tmp_path / "deep" / "c.csv", settings=FOUR, smallest=5, quiet=True)
    rows = list(csv.DictReader((tmp_path / "deep" / "c.csv").open(newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(PEOPLE)
    number = {row: int(label) for row, label in zip(made.table.paths, made.labels.labels, strict=True)}
    assert {row["path"]: int(row["cluster"]) for row in rows} == number
    assert [row["cluster"] for row in rows] == ["0"] * 9 + ["1"] * 6 + ["-1"] * 5
    nearness = [float(row["similarity"]) for row in rows[:9]]
    assert nearness == sorted(nearness, reverse=True)
    assert {row["similarity"] for row in rows[15:]} == {""}
    assert {row["other_cluster"] for row in rows[:9]} == {"1"}
    assert all(row["camera"] == row["path"][4:6] for row in rows)
    assert "2 clusters of fewer than 5 crops dissolved" in made.chosen


def test_without_a_count_it_is_chosen_and_the_reason_is_on_the_page(vectors, crops, tmp_path):
    made = cluster_crops(vectors, crops, tmp_path / "c.csv", quiet=True)
    assert made.settings.stop == "auto"
    assert made.chosen.startswith("auto: ")
    assert f"A{made.chosen[1:]}." in made.page.read_text()


def test_settings_may_be_given_whole(vectors, crops, tmp_path):
    chosen = HierarchicalClustering(stop="clusters", clusters=2, linkage="single")
    made = cluster_crops(vectors, crops, tmp_path / "c.csv", settings=chosen, quiet=True)
    rows = np.array(pq.read_table(vectors)["vector"].to_pylist(), np.float32)
    expected = grow_hierarchy(rows, chosen).labels
    assert made.labels.cluster_count == 2
    pairs = set(zip(made.labels.labels.tolist(), expected.labels.tolist(), strict=True))
    assert len(pairs) == 2


def test_the_page_shows_clusters_with_trees_and_what_they_are_made_of(vectors, crops, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_pages, "_CLUSTERS", 1)
    made = cluster_crops(vectors, crops, tmp_path / "c.csv", settings=FOUR, quiet=True)
    text = made.page.read_text()
    assert "4 clusters of 20 crops" in text
    for group in ("Largest", "Most spread", "At random"):
        assert f">{group}</h2>" in text
    assert "9 crops · 3 cameras · SSE " in text
    assert text.count('class="tree"') == 3  # one cluster in each group, none of them a lone crop
    assert "average linkage of sqeuclidean distances plus 0.005 x sse, one pair at a time" in text


def test_the_most_spread_are_those_of_the_highest_sum_of_squares_per_crop(
    vectors, crops, tmp_path, monkeypatch
):
    monkeypatch.setattr(cluster_pages, "_CLUSTERS", 1)
    made = cluster_crops(vectors, crops, tmp_path / "c.csv", settings=FOUR, quiet=True)
    per_crop = made.membership.square_errors / made.labels.sizes
    most = 1 + int(per_crop[1:3].argmax())  # 0 is shown as the largest, 3 is a lone crop
    assert re.search(r"Most spread</h2>.*?Cluster (\d)", made.page.read_text(), re.DOTALL)[1] == str(most)


def test_the_curve_shows_the_dearest_merge_of_each_step(vectors, crops, tmp_path):
    chosen = HierarchicalClustering(stop="steps", steps=3, share=0.2)
    made = cluster_crops(vectors, crops, tmp_path / "c.csv", settings=chosen, quiet=True)
    grown = grow_hierarchy(np.array(pq.read_table(vectors)["vector"].to_pylist(), np.float32), chosen)
    points = re.findall(r"merge (\d+)\ncost: ([\d.]+)", made.page.read_text())
    assert [int(number) for number, _ in points] == [4, 8, 12]
    dearest = [grown.cost[grown.step == step].max() for step in (1, 2, 3)]
    assert [float(cost) for _, cost in points] == pytest.approx(dearest, abs=6e-4)


def test_clusters_of_one_camera_are_counted_and_lone_crops_are_not(vectors, crops, tmp_path):
    table = pq.read_table(vectors)
    cameras = ["a" if person in (0, 2) else "ab"[place % 2] for place, person in enumerate(PEOPLE)]
    pq.write_table(table.set_column(1, "camera", pa.array(cameras)), vectors)
    made = cluster_crops(vectors, crops, tmp_path / "c.csv", settings=FOUR, quiet=True)
    assert '<h3>One camera</h3>\n<p class="figure">2</p>' in made.page.read_text()


def test_a_doubtful_crop_is_pointed_out(crops, tmp_path):
    """Single linkage chains the last crop to the wrong end of a long cluster."""
    angles = np.radians([0, 8, 16, 24, 32, 40, 48, 56, 64, 72, *[84] * 10])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    paths = [f"{place:02d}, c{place % 3}.png" for place in range(20)]
    pq.write_table(pa.table({"path": paths, "vector": rows.tolist()}), tmp_path / "v.parquet")
    flags = [
        "--clustering.clusters",
        "2",
        "--clustering.linkage",
        "single",
        "--clustering.regularizer",
        "none",
    ]
    made = cluster_crops(tmp_path / "v.parquet", crops, tmp_path / "c.csv", settings=flags, quiet=True)
    assert made.membership.doubtful == 2  # at 64 and 72 degrees, in the cluster around 36
    text = made.page.read_text()
    assert ">Doubtful</h2>" in text
    assert "cameras unknown" in text


def test_a_dendrogram_has_every_crop_as_a_leaf(vectors, crops, tmp_path):
    made = cluster_crops(vectors, crops, tmp_path / "c.csv", settings=FOUR, dendrograms=[1, 3, 1], quiet=True)
    assert made.trees == (tmp_path / "cluster-1.html", tmp_path / "cluster-3.html")
    text = made.trees[0].read_text()
    for place in range(13, 19):
        assert f"<title>{place}, c{place % 3}.png, camera c{place % 3}, similarity 0." in text
    assert text.count('class="join"') == 5
    # Crops of one person join at little cost; of two, at twice one less the cosine of their centers: about 2.
    assert float(re.search(r"tree of 6 crops, merge cost up to ([\d.]+)", text)[1]) < 0.6
    assert 'class="join"' not in made.trees[1].read_text()  # a lone crop


def test_a_huge_cluster_is_drawn_by_its_branches_and_says_so(vectors, crops, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_sheets, "_ALL_LEAVES", 4)
    made = cluster_crops(vectors, crops, tmp_path / "c.csv", settings=FOUR, dendrograms=[0], quiet=True)
    text = made.trees[0].read_text()
    assert text.count('class="join"') == 3
    assert "9 crops are too many to draw: each of the 4 leaves is a branch" in text
    assert "×" in text


def test_noise_is_shown(vectors, crops, tmp_path):
    made = cluster_crops(vectors, crops, tmp_path / "c.csv", settings=FOUR, smallest=100, quiet=True)
    assert made.labels.cluster_count == 0
    assert ">In no cluster</h2>" in made.page.read_text()


def test_one_crop(make_images, tmp_path):
    pq.write_table(pa.table({"path": ["a.png"], "vector": [[1.0, 0.0]]}), tmp_path / "v.parquet")
    made = cluster_crops(tmp_path / "v.parquet", make_images("a.png"), tmp_path / "c.csv", quiet=True)
    assert made.labels == PseudoLabels(np.array([0])) or made.labels.labels.tolist() == [0]
    assert "1 cluster of 1 crop" in made.page.read_text()


def test_what_is_wrong_is_said_before_any_work(vectors, crops, tmp_path):
    def cluster(source=vectors, out=tmp_path / "c.csv", **more):
        return cluster_crops(source, crops, out, quiet=True, **more)

    with pytest.raises(StorageError, match="it is a folder; give the name of a file"):
        cluster(out=tmp_path)
    for taken in ("c.html", "cluster-2.csv"):
        with pytest.raises(StorageError, match="is the name of a page"):
            cluster(out=tmp_path / taken, dendrograms=[2])
    with pytest.raises(StorageError, match="holds the vectors; give the name of a CSV file"):
        cluster(out=vectors.parent / "." / vectors.name)
    with pytest.raises(
        DataError, match="does not exist; give a run folder, or a file written by `reseen embed`"
    ):
        cluster(source=tmp_path / "none")
    with pytest.raises(SettingsError, match="smallest must be at least 1, got 0"):
        cluster(smallest=0)
    with pytest.raises(SettingsError, match="--camera-pattern is only for runs"):
        cluster(camera_pattern="c{camera}")
    assert not (tmp_path / "c.csv").exists()


def test_a_dendrogram_of_no_cluster_is_said_when_the_rest_is_written(vectors, crops, tmp_path):
    with pytest.raises(SettingsError, match="no cluster 4 to draw: there are 4, numbered from 0"):
        cluster_crops(vectors, crops, tmp_path / "c.csv", settings=FOUR, dendrograms=[0, 4], quiet=True)
    assert {path.name for path in tmp_path.glob("c*")} == {"c.csv", "c.html", "cluster-0.html"}


def test_it_is_a_public_name():
    assert reseen.cluster_crops is cluster_crops


def test_forty_identical_crops_are_one_cluster_and_a_page(make_images, tmp_path):
    crops = make_images(*(f"{place:02d}.png" for place in range(40)))
    row = np.random.default_rng(0).normal(size=16)
    rows = np.tile(row / np.linalg.norm(row), (40, 1)).astype(np.float32)
    table = pa.table({"path": [f"{place:02d}.png" for place in range(40)], "vector": rows.tolist()})
    pq.write_table(table, tmp_path / "v.parquet")
    made = cluster_crops(tmp_path / "v.parquet", crops, tmp_path / "c.csv", quiet=True)
    assert made.labels.cluster_count == 1
    assert made.chosen == "auto: all 40 images have the same vector and cannot be separated"
    assert "agree" not in made.chosen
    assert "1 cluster of 40 crops" in made.page.read_text()


def test_a_name_that_a_spreadsheet_would_run_is_marked_and_read_again(make_images, tmp_path):
    names = ["=HYPERLINK(1).png", "a.png", "@b.png", "c.png"]
    crops = make_images(*names)
    rows = np.eye(2, 16, dtype=np.float32)[[0, 0, 1, 1]]
    pq.write_table(
        pa.table({"path": names, "camera": ["+x"] * 4, "vector": rows.tolist()}), tmp_path / "v.parquet"
    )
    made = cluster_crops(
        tmp_path / "v.parquet", crops, tmp_path / "c.csv", settings=("--clustering.clusters", "2"), quiet=True
    )
    rows = list(csv.reader((tmp_path / "c.csv").open(newline="")))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "@", "+"))]
    assert {row[1] for row in rows[1:]} == {"'+x"}
    found = _read_csv(tmp_path / "c.csv")
    assert found == dict(zip(made.table.paths, made.labels.labels.tolist(), strict=True))

import csv

import pytest


@pytest.fixture
def cluster(reseen_says, crowd, tmp_path):
    """A function from what to cluster and more words to the exit code and what is said."""

    def run(source, *more, out=tmp_path / "clusters.csv"):
        return reseen_says("cluster", source, "--data", crowd, "--out", out, "--quiet", *more)

    return run


def test_a_run_and_its_vectors_give_the_same_clusters(cluster, reseen_says, trained, crowd, tmp_path):
    code, out, err = cluster(trained)
    assert code == 0, err
    first, *rest = out.splitlines()
    assert first.startswith("auto: ")
    assert rest[0].startswith(f"{tmp_path / 'clusters.csv'}: ")
    assert f"Open {tmp_path / 'clusters.html'} in a browser" in rest
    assert err == ""
    reseen_says("embed", trained, "--data", crowd, "--out", tmp_path / "v.parquet", "--quiet")
    code, again, err = cluster(tmp_path / "v.parquet", out=tmp_path / "again.csv")
    assert code == 0, err
    assert again.splitlines()[0] == first
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "clusters.csv").read_text()


def test_settings_and_a_tree(cluster, trained, tmp_path):
    code, out, err = cluster(
        trained,
        "--clustering.clusters",
        "5",
        "--dendrogram",
        "0",
        "--smallest",
        "2",
        "--clustering.linkage=energy",
    )
    assert code == 0, err
    assert out.startswith("merged to 5 clusters, as specified")
    assert f"Dendrogram written to {tmp_path / 'cluster-0.html'}" in out
    rows = list(csv.DictReader((tmp_path / "clusters.csv").open(newline="")))
    numbers = [int(row["cluster"]) for row in rows if row["cluster"] != "-1"]
    sizes = [numbers.count(number) for number in range(max(numbers) + 1)]
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) >= 2
    assert "linkage: energy" in (tmp_path / "clusters.html").read_text()


def test_faults_are_one_line_that_says_what_to_do(fault, trained, crowd, make_images, tmp_path):
    def cluster(source, *more, data=crowd):
        return fault("cluster", source, "--quiet", "--data", data, "--out", tmp_path / "c.csv", *more)

    (tmp_path / "no.parquet").write_text("x")
    assert "not a Parquet file" in cluster(tmp_path / "no.parquet")
    assert "does not exist; give a run folder" in cluster(tmp_path / "none")
    assert "not a run of `reseen train`, it lacks" in cluster(crowd)
    assert "no option --smalest; did you mean '--smallest'?" in cluster(trained, "--smalest", "3")
    assert "no setting 'cluster'; did you mean 'clusters'?" in cluster(trained, "--clustering.cluster", "3")
    assert "`reseen cluster` needs RUN-OR-VECTORS" in fault("cluster")
    assert "no such folder" in cluster(trained, data=tmp_path / "nowhere")
    assert not (tmp_path / "c.csv").exists()


def test_vectors_alone(reseen_says, trained, crowd, tmp_path):
    reseen_says("embed", trained, "--data", crowd, "--out", tmp_path / "v.parquet", "--quiet")
    words = ["cluster", tmp_path / "v.parquet", "--out", tmp_path / "c.csv", "--memory", "8GB", "--quiet"]
    code, out, err = reseen_says(*words, "--method", "dbscan", "--clustering.jaccard.k1", "8")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("exact search: every pair of ")
    assert lines[1] == "DBSCAN with eps 0.6 and min_samples 4"
    assert lines[2].startswith(f"{tmp_path / 'c.csv'}: ")
    assert lines[3].startswith("Time and peak memory: vectors ")
    with (tmp_path / "c.csv").open(newline="") as text:
        assert list(csv.DictReader(text).fieldnames)[:3] == ["path", "camera", "cluster"]


def test_faults_of_vectors_alone(fault, trained, crowd, tmp_path):
    def cluster(source, *more):
        return fault("cluster", source, "--quiet", "--out", tmp_path / "c.csv", *more)

    (tmp_path / "v.parquet").write_text("x")
    assert "is a run folder, not vectors; add --data" in cluster(trained)
    assert "neither .npy nor a Parquet file" in cluster(tmp_path / "v.parquet")
    assert "--memory is only for clustering vectors; leave out --data" in cluster(
        trained, "--data", crowd, "--memory", "4GB"
    )
    assert "--dendrogram needs the crops; add --data" in cluster(tmp_path / "v.parquet", "--dendrogram", "1")
    assert "no option --metod; did you mean '--method'?" in cluster(tmp_path / "v.parquet", "--metod", "x")

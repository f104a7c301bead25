"""Features from elsewhere: what they may look like, and what is said of those that do not fit."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from reseen import LabeledFeatures, score_features
from reseen.errors import DataError
from reseen.evaluate import market
from reseen.evaluate.feature_files import read_features
from reseen.evaluate.labeled import labeled_task, swapped_note
from reseen.records import Features


def some(count, dimension=8, seed=0, **changes):
    generator = np.random.default_rng(seed)
    values = {
        "features": generator.normal(size=(count, dimension)).astype(np.float32),
        "identities": generator.integers(1, 5, count),
        "cameras": generator.integers(0, 3, count),
    }
    return {**values, **changes}


def labeled(count, **changes):
    return LabeledFeatures(**some(count, **changes))


def test_a_score_is_that_of_the_unit_rows():
    query, gallery = some(12, seed=1), some(60, seed=2)
    found = score_features(LabeledFeatures(**query), LabeledFeatures(**gallery), quiet=True, details=False)
    rows = [
        values["features"] / np.linalg.norm(values["features"], axis=1, keepdims=True)
        for values in (query, gallery)
    ]
    import torch

    expected = market(
        *(Features(torch.from_numpy(side)) for side in rows),
        query["identities"], query["cameras"], gallery["identities"], gallery["cameras"],
    )  # fmt: skip
    assert found.mean_average_precision == pytest.approx(expected.mean_average_precision)
    assert found.to_json()["rules"]["domain"] == "features from elsewhere"


def test_raw_rows_rank_by_distance():
    query, gallery = labeled(12, seed=1), labeled(60, seed=2)
    found = score_features(query, gallery, raw=True, quiet=True)
    assert found.similarity.startswith("Euclidean")


@pytest.mark.parametrize("kind", ["npz", "parquet"])
def test_files_give_the_score_of_the_arrays(kind, tmp_path):
    files, arrays = [], [some(12, seed=1), some(60, seed=2)]
    for name, values in zip(("query", "gallery"), arrays, strict=True):
        files.append(tmp_path / f"{name}.{kind}")
        if kind == "npz":
            np.savez(files[-1], **values)
        else:
            columns = {
                "vector": list(values["features"]),
                "identity": values["identities"],
                "camera": values["cameras"],
            }
            pq.write_table(pa.table(columns), files[-1])
    expected = score_features(*(LabeledFeatures(**values) for values in arrays), quiet=True).to_json()
    assert score_features(*files, quiet=True).to_json() == expected


def test_names_are_numbered_alike_on_both_sides(tmp_path):
    people, cameras = np.array(["ann", "bob", "cem", "dan"]), np.array(["hall", "yard", "gate"])
    arrays = [some(12, seed=1), some(60, seed=2)]
    named = [
        LabeledFeatures(values["features"], people[values["identities"] - 1], cameras[values["cameras"]])
        for values in arrays
    ]
    task = labeled_task(*named)
    plain = labeled_task(*(LabeledFeatures(**values) for values in arrays))
    for side in ("query", "gallery"):
        for name in ("identities", "cameras"):
            first, second = (getattr(made, f"{side}_{name}") for made in (task, plain))
            assert len(set(zip(first, second, strict=True))) == len(set(second))
    np.testing.assert_array_equal(task.positive_counts, plain.positive_counts)


def test_junk_and_distractors_among_names():
    names = np.array(["ann", "-1", "0", "ann"])
    query = labeled(4, identities=names, cameras=np.array(["a", "b", "", "-1"]))
    task = labeled_task(query, query, distractors="zero")
    assert task.query_identities[1:3].tolist() == [-1, 0]
    assert task.query_identities[0] == task.query_identities[3] > 0
    assert task.query_cameras[2:].tolist() == [-1, -1]


def test_numbers_written_as_text_are_numbers():
    gallery = labeled(3, identities=np.array(["7.0", "-1", "0"]))
    query = labeled(1, identities=np.array([7]))
    assert labeled_task(query, gallery).gallery_identities.tolist() == [7, -1, 0]


def test_parquet_without_a_camera_here_and_there(tmp_path):
    table = pa.table({
        "features": [[1.0, 0.0], [0.0, 1.0]], "identity": pa.array([3, 4]), "camera": pa.array(["c1", None]),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "f.parquet")
    read = read_features(tmp_path / "f.parquet")
    assert labeled_task(read, read).query_cameras.tolist()[1] == -1


def test_a_side_without_cameras_makes_all_unknown():
    task = labeled_task(labeled(5), labeled(9, cameras=None))
    assert set(task.query_cameras) == set(task.gallery_cameras) == {-1}


def test_huge_rows_still_have_a_direction():
    values = np.full((2, 4), 1e30, dtype=np.float32)
    side = LabeledFeatures(values, np.array([1, 2]))
    np.testing.assert_allclose(labeled_task(side, side).query.numpy, 0.5)


BROKEN = np.float32([[1, 0], [np.nan, 0], [np.inf, 1]])

FAULTS = [
    ({"features": BROKEN, "identities": np.ones(3, int)}, r"2 of 3 feature rows .* not finite .* the first is row 1"),
    ({"features": np.ones(3, np.float32), "identities": np.ones(3, int)}, r"must be a matrix.* found shape \(3,\)"),
    ({"features": np.ones((3, 0), np.float32), "identities": np.ones(3, int)}, "must be a matrix"),
    ({"features": np.ones((3, 2), np.float32), "identities": np.ones(2, int)}, "one value of identities per feature"),
    ({"features": np.ones((3, 2), np.float32), "identities": np.ones(3, int), "cameras": np.ones(4, int)},
     "one value of cameras per feature"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "message"), FAULTS)
def test_arrays_that_do_not_fit(values, message):
    with pytest.raises(DataError, match=message):
        LabeledFeatures(**values)


def test_sides_that_do_not_fit():
    with pytest.raises(DataError, match=r"found 8 dimensions in q.npz and 6 in g.npz"):
        labeled_task(labeled(5, source="q.npz"), labeled(9, dimension=6, source="g.npz"))
    with pytest.raises(DataError, match=r"rows are zero and have no direction, the first is row 0"):
        labeled_task(labeled(1, features=np.zeros((1, 8), np.float32)), labeled(9))
    with pytest.raises(DataError, match="numbers on one side and names on the other"):
        labeled_task(labeled(1, identities=np.array(["ann"])), labeled(9))
    with pytest.raises(DataError, match=r"2 are missing"):
        labeled_task(labeled(3, identities=np.array([1, np.nan, np.nan])), labeled(9))
    with pytest.raises(DataError, match="some are not integers"):
        labeled_task(labeled(1, identities=np.array([1.5])), labeled(9))
    with pytest.raises(DataError, match="1 rows have no identity, the first is row 1"):
        labeled_task(labeled(2, identities=np.array(["ann", ""])), labeled(1, identities=np.array(["ann"])))
    with pytest.raises(DataError, match="values of type bool"):
        labeled_task(labeled(1, identities=np.array([True])), labeled(9))


def test_an_empty_gallery_and_a_query_without_a_match():
    with pytest.raises(DataError, match="the gallery has no images"):
        score_features(labeled(5), labeled(0), quiet=True)
    with pytest.raises(DataError, match="none of the 5 queries has its person"):
        score_features(labeled(5, identities=np.full(5, 77)), labeled(9), quiet=True)
    query = labeled(5, identities=np.array([1, 1, 2, 3, 77]), cameras=np.full(5, 9))
    gallery = labeled(9, identities=np.array([1, 1, 1, 2, 2, 2, 3, 3, 3]), cameras=np.zeros(9, int))
    found = score_features(query, gallery, quiet=True)
    assert (found.queries, found.valid_queries) == (5, 4)  # the protocol's rule: skipped


def test_sides_that_look_swapped_are_said(capsys):
    query, gallery = labeled(60, seed=2), labeled(12, seed=1)
    assert "are they swapped?" in swapped_note(query, gallery)
    assert not swapped_note(gallery, query)
    score_features(query, gallery)
    assert "warning: the query has more rows than the gallery (60 and 12)" in capsys.readouterr().err
    score_features(query, gallery, quiet=True)
    assert not capsys.readouterr().err


def test_video_pools_and_says_when_there_is_nothing_to_pool():
    query = labeled(6, identities=np.array([1, 1, 1, 2, 2, 2]), cameras=np.zeros(6, int))
    query = LabeledFeatures(query.features, query.identities, query.cameras, np.array([0, 0, 0, 1, 1, 1]))
    gallery = LabeledFeatures(query.features, query.identities, query.cameras + 1, query.tracklets)
    found = score_features(query, gallery, protocol="video", quiet=True)
    assert (found.queries, found.gallery, found.mean_average_precision) == (2, 2, 1.0)
    with pytest.raises(DataError, match="the protocol video needs tracklets"):
        score_features(query, labeled(9), protocol="video", quiet=True)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_features(tmp_path / "nothing.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(DataError, match=r"neither a .npz nor a Parquet file"):
        read_features(tmp_path / "text.npz")
    np.savez(tmp_path / "lacks.npz", features=np.ones((2, 2)))
    with pytest.raises(DataError, match="lacks identities"):
        read_features(tmp_path / "lacks.npz")
    np.savez(tmp_path / "objects.npz", features=np.ones((2, 2)), identities=np.array([1, "a"], dtype=object))
    with pytest.raises(DataError, match="pickled objects are refused"):
        read_features(tmp_path / "objects.npz")
    np.savez(tmp_path / "twice.npz", features=np.ones((2, 2)), vector=np.ones((2, 2)), identities=np.ones(2))
    with pytest.raises(DataError, match="holds features and vector, which mean the same"):
        read_features(tmp_path / "twice.npz")
    np.savez(tmp_path / "words.npz", features=np.array([["a", "b"]]), identities=np.ones(1))
    with pytest.raises(DataError, match="features must be numbers"):
        read_features(tmp_path / "words.npz")
    whole = (tmp_path / "words.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut.npz"):
        read_features(tmp_path / "cut.npz")
    pq.write_table(pa.table({"vector": [[1.0], [1.0, 2.0]], "identity": [1, 2]}), tmp_path / "uneven.parquet")
    with pytest.raises(DataError, match="column vector must hold the same number of values in every row"):
        read_features(tmp_path / "uneven.parquet")


@pytest.mark.parametrize(
    "convert",
    [torch.from_numpy, np.ndarray.tolist, lambda a: torch.from_numpy(a).requires_grad_(a.dtype.kind == "f")],
)
def test_tensors_and_lists_score_as_arrays_do(convert):
    query, gallery = some(6), some(20, seed=1)
    expected = score_features(LabeledFeatures(**query), LabeledFeatures(**gallery), quiet=True)
    sides = [
        LabeledFeatures(**{name: convert(values) for name, values in side.items()})
        for side in (query, gallery)
    ]
    found = score_features(*sides, quiet=True)
    np.testing.assert_array_equal(found.per_query_average_precision, expected.per_query_average_precision)


def test_protocols_take_what_users_have():
    query, gallery = some(6), some(20, seed=1)
    columns = [side[name] for name in ("identities", "cameras") for side in (query, gallery)]
    people_q, people_g, cameras_q, cameras_g = columns
    labels = [people_q, cameras_q, people_g, cameras_g]
    expected = market(query["features"], gallery["features"], *labels).mean_average_precision
    tensors = [torch.from_numpy(side["features"]) for side in (query, gallery)]
    assert market(*tensors, *(values.tolist() for values in labels)).mean_average_precision == expected


@pytest.mark.parametrize("features", [[[1.0], [1.0, 2.0]], np.array([["a"], ["b"]])])
def test_features_that_are_no_numbers_are_said(features):
    with pytest.raises(DataError, match="features"):
        LabeledFeatures(features, [1, 2])

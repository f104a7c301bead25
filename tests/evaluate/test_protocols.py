"""Protocols that draw, pool or add, against loops and against every possible draw."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluate.crowds import at_degrees, features, relation, similarity, tasks

from reseen.errors import DataError, SettingsError
from reseen.evaluate import (
    RetrievalTask,
    ScoringOptions,
    cuhk03_classic,
    market,
    score,
    score_by,
    vehicle_id,
    video,
)
from reseen.evaluate.metrics import CMC_RANKS
from reseen.evaluate.refine import add_queries, expand, pool_tracklets, rerank
from reseen.evaluate.sampled_protocols import draw_gallery, single_shot_hits
from reseen.geometry import unit
from reseen.neighbors import RerankSettings
from reseen.records import Features


def members(task, q):
    """Gallery rows a query may meet, by person."""
    groups = {}
    for g in range(len(task.gallery)):
        if relation(task, q, g):
            groups.setdefault(int(task.gallery_identities[g]), []).append(g)
    return groups


@settings(max_examples=25)
@given(tasks())
def test_single_shot_is_the_mean_over_every_possible_gallery(task):
    """Few images per person, so that all draws can be listed; 3,000 random ones come near."""
    for q in range(len(task.query)):
        groups = members(task, q)
        own = groups.pop(int(task.query_identities[q]), None)
        if not own or not task.positive_counts[q]:
            continue
        if len(own) * np.prod([len(rows) for rows in groups.values()], dtype=float) > 300:
            continue
        hits = []
        for right, *others in product(own, *groups.values()):
            rank = 1 + sum(similarity(task, q, g) >= similarity(task, q, right) for g in others)
            hits.append([rank <= k for k in CMC_RANKS])
        found = single_shot_hits(task, 3000, seed=0)[q]
        np.testing.assert_allclose(found, np.mean(hits, axis=0), atol=0.06)


def test_single_shot_by_hand():
    """One stranger, nearer than one of two right images: half of the draws hit. mAP is that of the whole gallery."""
    task = RetrievalTask(
        at_degrees(0),
        at_degrees(10, 20, 30),
        np.array([1]),
        np.array([0]),
        np.array([1, 2, 1]),
        np.array([1, 1, 1]),
    )
    made = cuhk03_classic(task, draws=4000, seed=1)
    assert made.cmc[1] == pytest.approx(0.5, abs=0.03)
    assert made.cmc[5] == 1
    assert made.mean_average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert "4000 draws per query, seed 1" in made.to_json()["rules"]["cmc_gallery"]
    assert cuhk03_classic(task, seed=3).cmc == cuhk03_classic(task, seed=3).cmc


def test_single_shot_takes_cameras_of_another_pair_for_strangers_cameras():
    """Camera 0 of another person's pair is another camera: only the person's own images under it are taken out."""
    people = np.array([1, 1, 2])
    task = RetrievalTask(
        at_degrees(0), at_degrees(1, 50, 60), np.array([1]), np.array([0]), people, np.array([0, 1, 0])
    )
    assert cuhk03_classic(task).cmc[1] == 1  # the image at 1 degree is under the query's camera, 50 is right
    detailed = cuhk03_classic(task, details=True).details
    assert detailed.camera_pairs is None
    assert set(detailed.intervals) == {"mAP"}


def test_vehicle_id_equals_a_loop_over_its_draws():
    generator = torch.Generator().manual_seed(0)
    vectors = unit(torch.randn(40, 6, generator=generator))
    identities = np.sort(np.random.default_rng(1).integers(1, 9, 40))
    draws = np.random.default_rng(4)
    means, first = [], []
    for _ in range(10):
        gallery = draw_gallery(identities, draws)
        reciprocal = []
        for q in np.setdiff1d(np.arange(40), gallery):
            values = {int(identities[g]): float(vectors[q] @ vectors[g]) for g in gallery}
            rank = sum(value >= values[int(identities[q])] for value in values.values())
            reciprocal.append(1 / rank)
        means.append(np.mean(reciprocal))
        first.append(np.mean(np.array(reciprocal) == 1))
    found = vehicle_id(Features(vectors), identities, seed=4)
    assert found.mean_average_precision == pytest.approx(np.mean(means))
    assert found.cmc[1] == pytest.approx(np.mean(first))
    rules = found.to_json()["rules"]
    assert rules["mAP_standard_deviation_over_draws"] == pytest.approx(np.std(means, ddof=1))
    assert found.protocol == "vehicleid"
    assert found.gallery == len(np.unique(identities))
    once = vehicle_id(Features(vectors), identities, draws=1, seed=4)
    known = once.per_query_average_precision[np.isfinite(once.per_query_average_precision)]
    assert len(known) == 40 - found.gallery  # every query of the one draw
    assert known.mean() == pytest.approx(means[0])


@given(st.lists(st.integers(1, 6), min_size=1, max_size=30), st.integers(0, 99))
def test_a_drawn_gallery_has_one_row_of_each(identities, seed):
    rows = draw_gallery(np.array(identities), np.random.default_rng(seed))
    assert sorted(np.array(identities)[rows]) == sorted(set(identities))


def test_every_row_of_a_vehicle_is_drawn_about_as_often():
    identities, generator = np.repeat([1, 2], [4, 1]), np.random.default_rng(0)
    rows = np.concatenate([draw_gallery(identities, generator) for _ in range(2000)])
    counts = np.bincount(rows, minlength=5)
    assert counts[4] == 2000
    assert (abs(counts[:4] - 500) < 90).all()


def test_vehicle_id_says_what_it_cannot_do():
    with pytest.raises(DataError, match="none of 2 vehicles has two images"):
        vehicle_id(at_degrees(0, 90), np.array([1, 2]))
    with pytest.raises(DataError, match="identities are 1 and up, found 0"):
        vehicle_id(at_degrees(0, 90), np.array([1, 0]))
    with pytest.raises(SettingsError, match="no cameras"):
        ScoringOptions(protocol="vehicleid", queries_in_gallery=True)


def test_vehicle_id_takes_one_file_given_twice_once():
    people = np.array([1, 1, 2, 2])
    rows, unknown = at_degrees(0, 10, 90, 100), np.full(4, -1)
    twice = RetrievalTask(rows, rows, people, unknown, people, unknown)
    parts = RetrievalTask(
        Features(rows.vectors[:1]),
        Features(rows.vectors[1:]),
        people[:1],
        unknown[:1],
        people[1:],
        unknown[1:],
    )
    options = ScoringOptions(protocol="vehicleid", seed=2)
    expected = vehicle_id(rows, people, seed=2).to_json()
    assert score_by(twice, options).to_json() == score_by(parts, options).to_json() == expected
    with pytest.raises(DataError, match="same features but different identities"):
        score_by(RetrievalTask(rows, rows, people, unknown, people[::-1].copy(), unknown), options)


@settings(max_examples=30)
@given(st.integers(0, 999), st.integers(1, 40))
def test_pooling_equals_a_loop(seed, frames):
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(frames, 5)).astype(np.float32)
    tracklets = generator.integers(-1, 6, frames)
    people, cameras = generator.integers(1, 4, 6), generator.integers(0, 2, 6)
    made = pool_tracklets(vectors, people[tracklets], cameras[tracklets], tracklets)
    known = sorted(set(tracklets[tracklets >= 0]))
    expected = [vectors[tracklets == name].mean(axis=0) for name in known]
    expected += list(vectors[tracklets < 0])
    expected = np.stack([row / np.linalg.norm(row) for row in expected])
    np.testing.assert_allclose(made.features.numpy, expected, atol=1e-5)
    assert made.identities.tolist() == [*people[known], *people[tracklets[tracklets < 0]]]
    assert made.frames.sum() == frames


def test_pooling_normalizes_once_and_after():
    """A frame of length 3 counts three times as much as one of length 1."""
    frames = np.float32([[3, 0], [0, 1]])
    one = np.array([1, 1])
    made = pool_tracklets(frames, one, np.zeros(2, int), np.zeros(2, int))
    np.testing.assert_allclose(made.features.numpy, [[3 / 10**0.5, 1 / 10**0.5]], atol=1e-6)


def test_pooling_says_what_is_wrong():
    frames, one, zero = np.float32([[1, 0], [-1, 0]]), np.array([1, 1]), np.zeros(2, int)
    with pytest.raises(DataError, match="gallery: the frames of tracklet 0 average to zero"):
        pool_tracklets(frames, one, zero, zero, "gallery")
    with pytest.raises(DataError, match="tracklet 0 has two people, 1 and 2"):
        pool_tracklets(frames, np.array([1, 2]), zero, zero)
    with pytest.raises(DataError, match="tracklet 0 has two cameras, 0 and 3"):
        pool_tracklets(frames, one, np.array([0, 3]), zero)
    with pytest.raises(DataError, match="found 1, 2 and 2 for 2 frames"):
        pool_tracklets(frames, one[:1], zero, zero)


def test_video_with_and_without_queries_in_the_gallery():
    """Without them the second query has no match; with them it finds the first query's tracklet."""
    frames = at_degrees(0, 4, 90, 94, 8).vectors.numpy()
    query = (frames[:4], np.array([1, 1, 1, 1]), np.array([0, 0, 1, 1]))
    gallery = (frames[4:], np.array([1]), np.array([1]))
    tracklets = {"query_tracklets": np.array([5, 5, 6, 6]), "gallery_tracklets": np.array([9])}
    without = video(*query, *gallery, **tracklets)
    assert (without.queries, without.valid_queries, without.gallery) == (2, 1, 1)
    both = video(*query, *gallery, **tracklets, queries_in_gallery=True)
    assert (both.queries, both.valid_queries, both.gallery) == (2, 2, 3)
    rules = both.to_json()["rules"]
    assert rules["queries_in_gallery"] is True
    assert rules["tracklets"] == "mean over frames, then normalized once"
    assert without.to_json()["rules"]["queries_in_gallery"] is False
    assert both.protocol == "video"


@settings(max_examples=40)
@given(tasks(lowest=1))
def test_added_queries_equal_a_larger_gallery(task):
    if (task.query_cameras < 0).any():
        with pytest.raises(DataError, match="each would match itself"):
            add_queries(task)
        return
    added = add_queries(task)
    if not added.positive_counts.any():
        return
    expected = market(
        task.query,
        features(np.concatenate([task.gallery.numpy, task.query.numpy])),
        task.query_identities,
        task.query_cameras,
        np.concatenate([task.gallery_identities, task.query_identities]),
        np.concatenate([task.gallery_cameras, task.query_cameras]),
    )
    assert score(added).mean_average_precision == expected.mean_average_precision


@pytest.fixture
def crowd():
    generator, draw = torch.Generator().manual_seed(0), np.random.default_rng(0)
    centers = unit(torch.randn(9, 8, generator=generator))
    people, cameras = draw.integers(0, 9, 150), draw.integers(0, 3, 150)
    vectors = unit(centers[torch.from_numpy(people)] + torch.randn(150, 8, generator=generator) * 0.3)
    people[:20] = np.where(people[:20] == 0, 1, people[:20])
    people[140:] = -1
    return RetrievalTask(
        Features(vectors[:20]), Features(vectors[20:]), people[:20], cameras[:20], people[20:], cameras[20:]
    )


def test_options_are_done_in_turn_and_stated(crowd):
    options = ScoringOptions(
        average_precision="trapezoid", queries_in_gallery=True, expand_queries=3, expansion_power=2.0,
        rerank=RerankSettings(k1=8, k2=3, variant="faiss"), details=True,
    )  # fmt: skip
    by_hand = rerank(expand(add_queries(crowd), 3, 2.0), RerankSettings(k1=8, k2=3, variant="faiss"))
    found = score_by(crowd, options)
    expected = score(by_hand, average_precision="trapezoid", details=True)
    assert found.to_json() == expected.to_json()
    rules = found.to_json()["rules"]
    assert rules["re_ranking"] == "faiss, k1 8, k2 3, lambda 0.3"
    assert rules["query_expansion"] == "first 3 answers, weighted by similarity to the power of 2"
    assert rules["queries_in_gallery"]
    plain = score_by(crowd, ScoringOptions()).to_json()["rules"]
    assert plain["re_ranking"] == plain["query_expansion"] == plain["tracklets"] == "none"
    assert plain["mirrored_features"] is False


def test_junk_takes_no_part_in_re_ranking_and_expansion(crowd):
    without = RetrievalTask(
        crowd.query, Features(crowd.gallery.vectors[crowd.kept]), crowd.query_identities, crowd.query_cameras,
        crowd.gallery_identities[crowd.kept], crowd.gallery_cameras[crowd.kept],
    )  # fmt: skip
    assert len(without.gallery) < len(crowd.gallery)
    options = ScoringOptions(expand_queries=2, rerank=RerankSettings(k1=8))
    assert score_by(crowd, options).to_json() == score_by(without, options).to_json()


def test_re_ranking_helps_where_people_stand_in_groups(crowd):
    plain, better = (
        score_by(crowd, ScoringOptions(rerank=settings)).mean_average_precision
        for settings in (None, RerankSettings(k1=10, k2=4))
    )
    assert better > plain


def test_an_empty_gallery_is_said_before_anything_is_searched():
    nothing = Features(torch.empty(0, 2))
    one, none = np.array([1]), np.empty(0, int)
    task = RetrievalTask(at_degrees(0), nothing, one, one, none, none)
    with pytest.raises(DataError, match="the gallery has no images"):
        score_by(task, ScoringOptions(rerank=RerankSettings(), expand_queries=2))


def test_protocol_names_stand_in_the_score(crowd):
    for name in ("market", "cuhk03-new", "cuhk03-classic", "video"):
        made = score_by(crowd, ScoringOptions(protocol=name, details=True))
        assert made.to_json()["protocol"] == name
        assert (made.details.camera_pairs is None) == name.startswith("cuhk03")

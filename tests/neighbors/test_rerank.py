"""Re-ranking against the published algorithm on full matrices, sentence by sentence."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.errors import SettingsError
from reseen.geometry import unit
from reseen.neighbors import Reranked, RerankSettings, expand_queries, nearest
from reseen.records import Features


def people(n, d, seed, copies=0, groups=5):
    random = torch.Generator().manual_seed(seed)
    centers = unit(torch.randn(groups, d, generator=random))
    chosen = torch.randint(groups, (n,), generator=random)
    vectors = unit(centers[chosen] + 0.4 * torch.randn(n, d, generator=random) / d**0.5)
    vectors[:copies] = vectors[0].clone() if copies else 0
    return vectors[torch.randperm(n, generator=random)]


def mutual(ranks, i, width):
    return [j for j in ranks[i, :width] if i in ranks[j, :width]]


def dense_rerank(vectors, queries, k1, k2, weight, variant):
    """Section 3 of the paper; the order of neighbors is that of the search, so that ties fall alike."""
    features = Features(vectors)
    exact = vectors.numpy().astype(np.float64)
    squared = np.maximum(2 - 2 * exact @ exact.T, 0)
    if variant == "zhong":
        largest = squared.max(axis=1, keepdims=True)
        squared = squared / np.where(largest > 1e-5, largest, 1)
        width = k1 + 1
    else:
        width = k1  # the search is asked for k1 columns, the row itself among them
    ranks = nearest(features, max(width, k2)).indices
    half = min(int(np.around(k1 / 2)) + 1, width)
    n = len(exact)
    encoding = np.zeros((n, n))
    for i in range(n):
        base = mutual(ranks, i, width)
        members = set(base)
        for candidate in base:
            more = mutual(ranks, candidate, half)
            if len(set(more) & set(base)) > 2 / 3 * len(more):
                members |= set(more)
        members = sorted(members)
        weights = np.exp(-squared[i, members])
        encoding[i, members] = weights / weights.sum()
    if variant == "faiss":
        ranks = ranks[:, :width]
    encoding = np.stack([encoding[ranks[i, :k2]].mean(axis=0) for i in range(n)])
    result = np.empty((queries, n - queries))
    for q in range(queries):
        for g in range(queries, n):
            shared = np.minimum(encoding[q], encoding[g]).sum()
            jaccard = 1 - shared / (2 - shared)
            result[q, g - queries] = (1 - weight) * max(jaccard, 0) + weight * squared[q, g]
    return result


def reranked(vectors, queries, **changes):
    made = Reranked(
        Features(vectors[:queries]), Features(vectors[queries:]), RerankSettings.parse(changes, "test")
    )
    out = torch.empty(queries, len(vectors) - queries)
    for start in range(0, queries, 7):  # any blocks give the same rows
        stop = min(start + 7, queries)
        made.fill(start, stop, out[start:stop])
    return -out.numpy()


@settings(max_examples=30)
@given(
    queries=st.integers(1, 20),
    gallery=st.integers(1, 50),
    k1=st.integers(1, 25),
    k2=st.integers(1, 8),
    weight=st.sampled_from([0.0, 0.3, 1.0]),
    variant=st.sampled_from(["zhong", "faiss"]),
    copies=st.sampled_from([0, 0, 5]),
    seed=st.integers(0, 999),
)
def test_equals_the_dense_algorithm(queries, gallery, k1, k2, weight, variant, copies, seed):
    vectors = people(queries + gallery, 12, seed, copies=min(copies, queries + gallery))
    expected = dense_rerank(vectors, queries, k1, k2, weight, variant)
    found = reranked(vectors, queries, k1=k1, k2=k2, distance_weight=weight, variant=variant)
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("variant", ["zhong", "faiss"])
def test_the_order_of_answers_is_that_of_the_dense_algorithm(variant):
    vectors = people(500, 32, 1, groups=30)
    expected = dense_rerank(vectors, 80, 20, 6, 0.3, variant)
    found = reranked(vectors, 80, variant=variant)
    order = np.argsort(found, axis=1, kind="stable")
    along = np.take_along_axis(expected, order, axis=1)
    assert (np.diff(along, axis=1) > -2e-6).all()  # descends nowhere, but for what float32 cannot tell apart


def made_with(vectors, queries, memory):
    return Reranked(Features(vectors[:queries]), Features(vectors[queries:]), RerankSettings(memory=memory))


def test_little_memory_makes_small_blocks_and_the_same_rows():
    vectors, memory, small = people(300, 16, 2), 1e-4, None
    while small is None:
        try:
            small = made_with(vectors, 60, memory)
        except SettingsError:
            memory *= 1.02
    large = made_with(vectors, 60, 1.0)
    assert small.block_rows < 50 < large.block_rows
    rows = [torch.empty(60, 240) for _ in range(2)]
    for out, made in zip(rows, (small, large), strict=True):
        made.fill(0, 60, out)
    assert torch.equal(*rows)


@pytest.mark.parametrize("memory", [1e-6, 2e-4])  # before the search, and when the encodings are known
def test_too_little_memory_says_how_much_is_needed(memory):
    with pytest.raises(
        SettingsError, match=r"re-ranking 300 rows needs up to .* GB, the limit is .* GB; raise"
    ):
        made_with(people(300, 16, 2), 60, memory)


def test_lambda_one_is_the_plain_order():
    vectors = people(120, 16, 3)
    found = reranked(vectors, 20, distance_weight=1.0, variant="faiss")
    plain = 2 - 2 * vectors[:20] @ vectors[20:].T
    np.testing.assert_allclose(found, plain.numpy(), atol=1e-5)


def test_raw_features_are_refused():
    raw = Features(torch.ones(3, 2), raw=True)
    with pytest.raises(SettingsError, match="needs unit vectors"):
        Reranked(raw, raw, RerankSettings())


def at_degrees(*degrees):
    radians = torch.deg2rad(torch.tensor(degrees, dtype=torch.float32))
    return Features(torch.stack([radians.cos(), radians.sin()], dim=1))


def slowly(query, gallery, count, power):
    rows = []
    for asked in query:
        similarities = gallery @ asked
        total = asked.copy()
        for row in np.argsort(-similarities, kind="stable")[:count]:
            total = total + max(similarities[row], 0) ** power * gallery[row]
        rows.append(total / np.linalg.norm(total))
    return np.stack(rows)


@settings(max_examples=30)
@given(
    queries=st.integers(1, 12),
    gallery=st.integers(1, 30),
    count=st.integers(1, 8),
    power=st.sampled_from([0.0, 1.0, 3.0]),
    seed=st.integers(0, 999),
)
def test_equals_a_loop(queries, gallery, count, power, seed):
    generator = torch.Generator().manual_seed(seed)
    sides = [Features(unit(torch.randn(rows, 6, generator=generator))) for rows in (queries, gallery)]
    found = expand_queries(*sides, count, power, chunk_cells=gallery * 3)
    expected = slowly(*(side.numpy.astype(np.float64) for side in sides), count, power)
    np.testing.assert_allclose(found.numpy, expected, atol=1e-4)


def test_by_hand():
    expanded = expand_queries(at_degrees(0), at_degrees(40, 90, 180), 1)
    assert torch.allclose(expanded.vectors, at_degrees(20).vectors, atol=1e-6)


def test_an_empty_gallery_changes_nothing():
    query = at_degrees(0, 30)
    assert expand_queries(query, Features(torch.empty(0, 2)), 3) is query


def test_misuse_is_explained():
    one = at_degrees(0)
    with pytest.raises(SettingsError, match="needs a count of at least 1"):
        expand_queries(one, one, 0)
    with pytest.raises(SettingsError, match="a power of at least 0, got 2 and -1"):
        expand_queries(one, one, 2, -1.0)
    with pytest.raises(SettingsError, match="needs unit vectors"):
        expand_queries(Features(one.vectors, raw=True), Features(one.vectors, raw=True), 1)

"""The ladder of stricter settings, and clusters by it."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseen.cluster import STRICTER_STEPS, DbscanSettings, cluster_features, stricter
from reseen.neighbors import JaccardSettings

SETTINGS = st.tuples(
    st.builds(JaccardSettings, k1=st.integers(1, 60), k2=st.integers(1, 1)),
    st.builds(DbscanSettings, eps=st.floats(0.01, 0.99), min_samples=st.integers(1, 12)),
)


@given(SETTINGS)
def test_no_step_raises_anything(settings):
    steps = [stricter(*settings, step) for step in range(STRICTER_STEPS + 1)]
    assert steps[0] == settings
    for (jaccard, dbscan), (next_jaccard, next_dbscan) in pairwise(steps):
        assert next_jaccard.k1 <= jaccard.k1
        assert next_jaccard.k2 <= jaccard.k2
        assert next_jaccard.k2 <= next_jaccard.k1
        assert next_dbscan.min_samples <= dbscan.min_samples
        assert 0 < next_dbscan.eps <= dbscan.eps


def test_the_literature_s_settings_get_stricter_step_by_step():
    found = [stricter(JaccardSettings(k1=30, k2=6), DbscanSettings(eps=0.6), step) for step in range(4)]
    assert [jaccard.k1 for jaccard, _ in found] == [30, 18, 11, 6]
    assert [dbscan.eps for _, dbscan in found] == [0.6, 0.55, 0.5, 0.45]
    assert [dbscan.min_samples for _, dbscan in found] == [4, 3, 2, 2]
    with pytest.raises(ValueError, match="from 0 to 3"):
        stricter(JaccardSettings(), DbscanSettings(), 4)


def test_settings_that_are_chosen_later_cannot_be_made_stricter_yet():
    with pytest.raises(ValueError, match="auto"):
        stricter(JaccardSettings(), DbscanSettings(eps="auto"), 1)


@pytest.mark.parametrize("eps", [0.6, "auto"])
def test_people_with_few_crops_that_fuse_come_apart(crowd, eps):
    """Sixty people of four crops: with 30 neighbors most neighbors are somebody else."""
    features, identities = crowd(60, 4, noise=0.45)
    fused, apart = (
        cluster_features(features, JaccardSettings(k1=30), DbscanSettings(eps=eps), strictness=step)
        for step in (0, STRICTER_STEPS)
    )
    assert _pairs_right(apart, identities) >= _pairs_right(fused, identities)
    assert apart.labels.sizes.max() <= fused.labels.sizes.max()
    assert apart.eps < fused.eps
    assert any(note.startswith("stricter, step 3") for note in apart.notes)


def _pairs_right(clustering, identities):
    labels = clustering.labels.labels
    together = (labels[:, None] == labels) & (labels >= 0) & ~np.eye(len(labels), dtype=bool)
    return (identities[:, None] == identities)[together].mean() if together.any() else 1.0

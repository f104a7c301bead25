import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.records import Features, Neighbors, PseudoLabels, contiguous, to_index_tensor


def test_features_must_be_unit_rows():
    vectors = torch.nn.functional.normalize(torch.arange(1.0, 13.0).reshape(4, 3), dim=1)
    features = Features(vectors)
    assert len(features) == 4
    assert np.shares_memory(features.numpy, vectors.numpy())
    off = vectors.clone()
    off[2] *= 1.01
    with pytest.raises(
        ValueError, match=r"1 of 4 feature rows are not unit vectors; the first is row 2 with length 1.01"
    ):
        Features(off)
    off[1] = float("nan")
    with pytest.raises(ValueError, match=r"2 of 4 feature rows.*row 1 with length nan"):
        Features(off)
    with pytest.raises(ValueError, match=r"Features need a matrix \(n, d\), got shape \(3,\)"):
        Features(vectors[0])


def test_raw_features_have_lengths_of_their_own_and_are_finite():
    vectors = torch.arange(6.0).reshape(3, 2)
    assert Features(vectors, raw=True).vectors is vectors
    with pytest.raises(ValueError, match="raw feature rows must be finite; row 1 is not"):
        Features(vectors.index_fill(0, torch.tensor([1]), float("inf")), raw=True)


def test_no_features_are_features():
    assert len(Features(torch.empty(0, 5))) == 0


def test_neighbors_must_agree():
    assert len(Neighbors(np.zeros((3, 2), np.int64), np.zeros((3, 2), np.float32))) == 3
    with pytest.raises(ValueError, match=r"two \(n, k\) arrays"):
        Neighbors(np.zeros((3, 2), np.int64), np.zeros((3, 3), np.float32))


def test_pseudo_labels():
    labels = PseudoLabels(np.array([0, 1, -1, 1]))
    assert labels.cluster_count == 2
    assert labels.sizes.tolist() == [1, 2]
    assert labels.noise_share == 0.25
    nothing = PseudoLabels(np.array([], dtype=np.int64))
    assert (nothing.cluster_count, nothing.noise_share, len(nothing)) == (0, 0.0, 0)
    assert PseudoLabels(np.array([-1, -1])).noise_share == 1
    with pytest.raises(ValueError, match="cannot have a cluster 2"):
        PseudoLabels(np.array([0, 2]))
    with pytest.raises(ValueError, match="start at -1, got -2"):
        PseudoLabels(np.array([0, -2]))
    with pytest.raises(ValueError, match="one-dimensional"):
        PseudoLabels(np.zeros((2, 2), np.int64))


@settings(max_examples=50)
@given(st.lists(st.integers(-3, 9), max_size=30))
def test_contiguous_keeps_who_is_with_whom(values):
    result = contiguous(np.array(values, dtype=np.int64)).labels.tolist()
    names = {}
    expected = [-1 if value < 0 else names.setdefault(value, len(names)) for value in values]
    assert result == expected


def test_to_index_tensor_takes_any_integers():
    tensor = to_index_tensor(np.array([3, 1, 2], dtype=np.int32)[::-1])
    assert tensor.dtype == torch.int64
    assert tensor.tolist() == [2, 1, 3]

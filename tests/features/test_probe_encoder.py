"""Which crops an encoder is probed on, and that copies of crops change nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import reseen
from reseen.audit import judge
from reseen.cluster import group_near_copies
from reseen.data.crops import open_crops, thumbnails
from reseen.data.settings import DataSettings
from reseen.features.probe_encoder import (
    MOST_CROPS,
    VIEWED_CROPS,
    probe_encoder,
    probed_rows,
    spaced_rows,
)
from reseen.models import Encoder, ModelSettings

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def crops(crowd):
    return open_crops(reseen.read_training(crowd), DataSettings(), 64, 32, progress=False)


@pytest.fixture(scope="module")
def encoders():
    torch.manual_seed(0)
    settings = ModelSettings(backbone="test_resnet", weights="none")
    return [Encoder(settings, 64, 32).eval() for _ in range(2)]


@given(st.integers(0, 40 * MOST_CROPS))
def test_spaced_rows_are_all_or_evenly_spread(count):
    rows = spaced_rows(count)
    assert len(rows) == min(count, MOST_CROPS)
    assert rows.tolist() == sorted(set(rows.tolist()))
    if count:
        assert (rows[0], rows[-1]) == (0, count - 1)
    if count > MOST_CROPS:
        assert np.diff(rows).max() - np.diff(rows).min() <= 1


def test_of_near_copies_the_first_is_probed(crops):
    rows = probed_rows(crops)
    assert rows.tolist() == np.unique(group_near_copies(thumbnails(crops), crops.cameras)).tolist()
    copied = crops.select(np.concatenate([np.arange(len(crops))] * 3))
    assert probed_rows(copied).tolist() == rows.tolist()


def test_a_verdict_on_crops_and_their_copies_is_that_on_the_crops(crops, encoders):
    copied = crops.select(np.concatenate([np.arange(len(crops))] * 3))
    verdicts = [
        judge(*(probe_encoder(encoder, some, CPU) for encoder in encoders)) for some in (crops, copied)
    ]
    assert verdicts[0] == verdicts[1]
    assert verdicts[0].crops == min(len(probed_rows(crops)), VIEWED_CROPS)


def test_given_rows_are_probed_with_the_features_that_are_known(crops, encoders):
    rows = np.arange(3, len(crops), 2)
    probe = probe_encoder(encoders[0], crops, CPU, rows=rows)
    whole = probe_encoder(encoders[0], crops, CPU, rows=np.arange(len(crops)))
    again = probe_encoder(encoders[0], crops, CPU, whole.features, rows=rows)
    assert len(probe.features) == len(rows)
    torch.testing.assert_close(again.features.vectors, probe.features.vectors, atol=1e-5, rtol=0)
    torch.testing.assert_close(again.views.vectors, probe.views.vectors, atol=1e-5, rtol=0)
    assert again.cameras.tolist() == crops.cameras[rows].tolist()

import numpy as np
import pytest
import torch

import reseen
from reseen.data.crops import open_crops
from reseen.data.settings import DataSettings
from reseen.data.views import normalize
from reseen.errors import ImagesError, WeightsError
from reseen.features.extract import checked_features, estimate_neck_statistics, extract
from reseen.models import Encoder, ModelSettings


@pytest.fixture
def crops(crowd):
    return open_crops(reseen.read_training(crowd), DataSettings(), 64, 32, progress=False)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return Encoder(ModelSettings(backbone="test_resnet", weights="none"), 64, 32)


CPU = torch.device("cpu")


def test_equals_one_crop_at_a_time(crops, encoder):
    crops = type(crops)(crops.table.select(range(6)), crops.store, crops.store_rows[:6])
    found = extract(encoder, crops, CPU).vectors
    encoder.eval()
    for row in range(6):
        image = normalize(crops.images(torch.tensor([row])), encoder.mean, encoder.std)
        assert torch.allclose(encoder(image)[0], found[row], atol=1e-5)


def test_mirrored_features_are_the_mean_of_a_crop_and_its_mirror_image(crops, encoder):
    estimate_neck_statistics(encoder, crops, CPU)  # else all features of untrained weights are nearly equal
    crops = type(crops)(crops.table.select(range(6)), crops.store, crops.store_rows[:6])
    plain = extract(encoder, crops, CPU).vectors
    mirrored = extract(encoder, crops, CPU, mirrored=True).vectors
    encoder.eval()
    images = normalize(crops.images(torch.arange(6)), encoder.mean, encoder.std)
    with torch.no_grad():
        both = torch.nn.functional.normalize(encoder(images) + encoder(images.flip(3)))
    torch.testing.assert_close(mirrored, both, atol=1e-4, rtol=0)
    assert float((plain - mirrored).norm(dim=1).min()) > 0.01


def test_changes_nothing(crops, encoder):
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    assert encoder.training
    extract(encoder, crops, CPU)
    assert encoder.training
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


def test_a_settled_neck_gives_channels_mean_zero_and_variance_one(crops, encoder):
    estimate_neck_statistics(encoder, crops, CPU)
    encoder.eval()
    images = normalize(crops.images(torch.arange(len(crops))), encoder.mean, encoder.std)
    with torch.no_grad():
        necked = encoder.neck(encoder.pooling(encoder.maps(images)))
    assert float(necked.mean(dim=0).abs().max()) < 1e-2
    live = encoder.neck.running_var > 1e-3  # far above what batch norm adds to a variance
    assert np.allclose(necked.var(dim=0, unbiased=False)[live].numpy(), 1, atol=0.1)


def test_progress_counts_every_crop(crops, encoder):
    seen = []
    extract(encoder, crops, CPU, seen.append)
    assert sum(seen) == len(crops)


@pytest.mark.parametrize(
    ("row", "error", "message"),
    [
        ([0.0, 0.0], ImagesError, "2 of 3 crops are zero.*give crops that differ"),
        ([1.0, float("nan")], WeightsError, "2 of 3 crops are not finite"),
        ([float("inf"), 0.0], WeightsError, "2 of 3 crops are not finite"),
    ],
)
def test_outputs_without_direction_are_an_error(row, error, message):
    with pytest.raises(error, match=message):
        checked_features(torch.tensor([row, [1.0, 2.0], row]), raw=False)


def test_raw_outputs_may_be_zero():
    assert len(checked_features(torch.zeros(2, 3), raw=True)) == 2
    assert torch.allclose(
        checked_features(torch.tensor([[3.0, 4.0]]), raw=False).vectors, torch.tensor([[0.6, 0.8]])
    )

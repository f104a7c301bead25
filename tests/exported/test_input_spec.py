import numpy as np
import pytest
import torch

from reseen.errors import SettingsError
from reseen.export.graph import DeployedEncoder
from reseen.exported.input_spec import IMAGENET_MEAN, IMAGENET_STD, input_spec
from reseen.models import Encoder, ModelSettings

FORMS = [(kind, layout, channels) for kind in ("pixels", "floats", "tracker") for layout in ("nhwc", "nchw")
         for channels in ("rgb", "bgr")]  # fmt: skip


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return Encoder(ModelSettings(backbone="test_resnet", weights="none"), 64, 32).eval()


@pytest.fixture(scope="module")
def crops():
    return torch.randint(0, 256, (3, 3, 64, 32), generator=torch.Generator().manual_seed(0)).byte()


@torch.no_grad()
@pytest.mark.parametrize(("kind", "layout", "channels"), FORMS)
def test_every_form_gives_the_same_vectors(kind, layout, channels, encoder, crops):
    spec = input_spec(kind, layout, channels)
    given = torch.from_numpy(spec.arrange(crops))
    assert given.dtype == (torch.uint8 if kind == "pixels" else torch.float32)
    assert given.shape == ((3, 64, 32, 3) if layout == "nhwc" else (3, 3, 64, 32))
    assert spec.sample(64, 32).ndim == given.ndim
    mean, std = torch.tensor(encoder.mean), torch.tensor(encoder.std)
    wanted = encoder((crops / 255 - mean[:, None, None]) / std[:, None, None])
    assert torch.allclose(DeployedEncoder(encoder, spec)(given), wanted, atol=1e-5)


@torch.no_grad()
def test_a_tracker_that_normalizes_by_imagenet_may_run_a_model_with_other_numbers(encoder, crops):
    encoder.mean, encoder.std, before = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), (encoder.mean, encoder.std)
    spec = input_spec("tracker")
    found = DeployedEncoder(encoder, spec)(torch.from_numpy(spec.arrange(crops)))
    wanted = encoder(crops / 127.5 - 1)
    encoder.mean, encoder.std = before
    assert torch.allclose(found, wanted, atol=1e-5)


def test_a_tracker_feeds_what_trackers_feed(crops):
    by_hand = np.empty((3, 3, 64, 32), dtype=np.float32)
    for image in range(3):
        for channel in range(3):
            values = crops[image, channel].numpy() / 255
            by_hand[image, channel] = (values - IMAGENET_MEAN[channel]) / IMAGENET_STD[channel]
    assert np.allclose(input_spec("tracker").arrange(crops), by_hand, atol=1e-6)
    assert np.allclose(input_spec("tracker", None, "bgr").arrange(crops), by_hand[:, ::-1], atol=1e-6)


def test_words_say_size_and_order():
    assert input_spec().text(64, 32) == "uint8, 0 to 255, batch x height x width x 3, RGB"
    assert input_spec("floats", None, "bgr").text(64, 32) == "float32, 0 to 255, batch x 3 x 64 x 32, BGR"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("pixel",), "--input: no 'pixel'; did you mean 'pixels'?"),
        (("pixels", "hwc"), "--layout: no 'hwc'"),
        (("pixels", None, "gray"), "--channels: no 'gray'"),
    ],
)
def test_an_unknown_name(names, message):
    with pytest.raises(SettingsError, match=message.replace("?", r"\?")):
        input_spec(*names)

"""RF-DETR as a detector, against the package's own `predict`; with random weights, which nobody has to download."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from tests.video.conftest import write

from reseen import optional_dependencies
from reseen.errors import DataError, SettingsError, WeightsError
from reseen.video import rfdetr_detector
from reseen.video.crop import crop_videos
from reseen.video.detector import build_detector
from reseen.video.frames import open_video
from reseen.video.settings import crop_settings
from reseen.video.sources import find_sources

pytestmark = pytest.mark.skipif(
    find_spec("rfdetr") is None, reason="RF-DETR is not installed: pip install 'reseen[rfdetr]'"
)


@pytest.fixture(scope="module")
def package():
    """Imported as the detector does it: on import, the package changes settings of the whole process."""
    before = torch.get_float32_matmul_precision(), Image.MAX_IMAGE_PIXELS
    package = rfdetr_detector._import()
    assert (torch.get_float32_matmul_precision(), Image.MAX_IMAGE_PIXELS) == before
    return package


@pytest.fixture(scope="module")
def made(package, tmp_path_factory):
    """A network with random weights, whose scores and boxes are far apart, and the file of its weights."""
    torch.manual_seed(3)
    model = package.RFDETRNano(pretrain_weights=None)
    with torch.no_grad():
        model.model.model.class_embed.weight.mul_(3)
        model.model.model.bbox_embed.layers[-1].weight.normal_(std=0.05)  # zeros otherwise
    file = tmp_path_factory.mktemp("rfdetr") / "nano.safetensors"
    save_file(model.model.model.state_dict(), file)
    return model, file


@pytest.fixture
def video(tmp_path):
    """Frames wider than high, so that exchanged sides would be noticed."""
    numbers = np.random.default_rng(5)
    return write(tmp_path / "a.mp4", [numbers.integers(0, 255, (120, 200, 3), dtype=np.uint8)] * 2)


def built(video, *flags):
    """The detector that `reseen crop` builds from flags, and the first frame of the video."""
    source = find_sources([str(video)])[0]
    with open_video(source, 25.0) as opened:
        detector = build_detector(crop_settings(flags), opened)
        return detector, next(iter(opened.read())).pixels


def most_frequent(detections):
    classes, counts = np.unique(detections.class_id, return_counts=True)
    return int(classes[np.argmax(counts)])


def test_boxes_are_those_of_the_package(made, video):
    model, file = made
    flags = ["--detector", "rfdetr:nano", "--rfdetr.weights", str(file), "--score", "0"]
    _, pixels = built(video, *flags)
    wanted = model.predict(pixels, threshold=0.0)
    person = most_frequent(wanted)
    detector, _ = built(video, *flags, "--rfdetr.person", str(person))
    found = detector.detect(pixels, 0)
    assert detector.has_confidence
    rows = np.flatnonzero(wanted.class_id == person)
    assert len(rows) > 10
    assert abs(len(found) - len(rows)) <= len(rows) // 4  # of its 300 boxes, the last may be others
    best = rows[np.argsort(-wanted.confidence[rows])][: len(rows) // 2]
    for corners, score in zip(wanted.xyxy[best], wanted.confidence[best], strict=True):
        same = (np.abs(found.corners - corners).max(axis=1) < 0.05) & (np.abs(found.scores - score) < 1e-4)
        assert same.any()
    assert found.corners[:, 2].max() > 120  # the frame is wider than high; the network takes a square


def test_boxes_below_the_score_are_dropped(made, video):
    model, file = made
    flags = ["--detector", "rfdetr:nano", "--rfdetr.weights", str(file)]
    _, pixels = built(video, *flags)
    wanted = model.predict(pixels, threshold=0.0)
    person = most_frequent(wanted)
    scores = np.sort(wanted.confidence[wanted.class_id == person])[::-1][:10]
    gap = np.argmax(-np.diff(scores))  # rounding carries no box across it
    middle = float(scores[gap : gap + 2].mean())
    detector, _ = built(video, *flags, "--rfdetr.person", str(person), "--score", str(middle))
    assert len(detector.detect(pixels, 0)) == gap + 1


def test_weights_with_other_classes(package, video, tmp_path):
    """A network trained for two classes of somebody's own, counted from 0; the third is what is nothing."""
    model = package.RFDETRNano(pretrain_weights=None)
    model.model.reinitialize_detection_head(3)
    save_file(model.model.model.state_dict(), tmp_path / "two.safetensors")
    flags = ["--detector", "rfdetr", "--rfdetr.weights", str(tmp_path / "two.safetensors"), "--score", "0"]
    counts = []
    for person in range(3):
        detector, pixels = built(video, *flags, "--rfdetr.person", str(person))
        counts.append(len(detector.detect(pixels, 0)))
    assert sum(counts) == len(model.predict(pixels, threshold=0.0)) == 300


def test_crop_runs_it_and_prints_nothing(made, video, tmp_path, capfd):
    flags = ["--detector", "rfdetr:nano", "--rfdetr.weights", str(made[1]), "--score", "1"]
    with pytest.raises(DataError, match="no person found in 2 frames"):  # it has learned nothing
        crop_videos([video], tmp_path / "out", settings=crop_settings(flags), quiet=True)
    assert capfd.readouterr() == ("", "")


def test_wrong_weights_are_one_line(made, video, tmp_path):
    def said(file):
        with pytest.raises(WeightsError) as raised:
            built(video, "--detector", "rfdetr:nano", "--rfdetr.weights", str(tmp_path / file))
        assert "\n" not in str(raised.value)
        return str(raised.value)

    assert said("none.safetensors").endswith("none.safetensors: no such weights file of a detector")
    torch.save({"model": {}}, tmp_path / "nano.pth")  # as the package keeps them: a pickle
    assert "nano.pth: cannot be read as safetensors" in said("nano.pth")
    state = dict(made[0].model.model.state_dict())
    del state["transformer.decoder.norm.weight"]
    save_file(state, tmp_path / "part.safetensors")
    assert "part.safetensors: the weights do not fit rfdetr:nano: it lacks 1 of" in said("part.safetensors")
    save_file({"class_embed.bias": torch.zeros(91)}, tmp_path / "head.safetensors")
    assert "the weights do not fit rfdetr:nano: it lacks" in said("head.safetensors")


def test_without_a_network(package, video, tmp_path, monkeypatch):
    import requests

    def refuse(*arguments, **settings):
        raise requests.ConnectionError("no route\nto the host")

    monkeypatch.setenv("RF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(requests, "get", refuse)
    with pytest.raises(WeightsError) as raised:
        built(video, "--detector", "rfdetr:small")
    said = str(raised.value)
    assert said.startswith(
        "the weights of rfdetr:small cannot be downloaded (ConnectionError); download https://"
    )
    assert f" on another machine as {tmp_path}/home/rf-detr-small.pth, or give a safetensors file" in said


def test_without_the_package(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(optional_dependencies, "import_module", missing)
    with pytest.raises(
        SettingsError, match=r"rfdetr, which is not installed: pip install 'reseen\[rfdetr\]'"
    ):
        rfdetr_detector.RfdetrDetector(crop_settings(["--detector", "rfdetr:nano"]).rfdetr, 0.4)


def test_an_unknown_size_names_those_there_are():
    with pytest.raises(SettingsError, match=r"rfdetr: name: .*'nano', 'small', 'medium' or 'large'"):
        crop_settings(["--detector", "rfdetr:base"])

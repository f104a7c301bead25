"""A network camera: frames and times as it sends them, crops of who passes, and a look-up that connects again."""

import json

import numpy as np
import pytest
from tests.video.conftest import moving_square
from tests.video.rtsp import Camera

from reseen.cli import main
from reseen.video.frames import open_video
from reseen.video.sources import find_sources

COUNT, RATE = 30, 20


@pytest.fixture
def camera():
    with Camera([moving_square(number) for number in range(COUNT)], RATE) as server:
        yield server
        server.shutdown()


@pytest.fixture
def boxes(tmp_path):
    """The exact box of the square in every frame."""
    file = tmp_path / "boxes.txt"
    file.write_text("".join(f"{n + 1},1,{4 + 2 * n},20,24,24,1,-1,-1,-1\n" for n in range(COUNT)))
    return ["--detections", str(file), "--thin.height", "16", "--thin.fewest-frames", "2"]


def test_frames_and_times_are_those_of_the_camera(camera):
    (source,) = find_sources([camera.address])
    assert source.kind == "stream"
    with open_video(source, 25.0) as video:
        frames = list(video.read())
    assert camera.requests[:4] == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]
    assert len(frames) == COUNT
    for number, frame in enumerate(frames):
        assert frame.time == pytest.approx(number / RATE, abs=1e-3)
        assert np.abs(frame.pixels.astype(int) - moving_square(number)).mean() < 6


def test_the_command_crops_who_passes(camera, boxes, tmp_path, capsys):
    out = tmp_path / "crops"
    assert main(["crop", camera.address, "--out", str(out), "--camera", "door", "--quiet", *boxes]) == 0
    counts = json.loads((out / "crops.json").read_text())
    assert counts["cameras"]["door"]["tracklets"] == 1
    assert list((out / "door").glob("*.jpg"))


def test_the_command_looks_up_who_passes(camera, boxes, crowd, tiny_flags, tmp_path, capsys):
    run, gallery, out = str(tmp_path / "run"), str(tmp_path / "gallery"), str(tmp_path / "watched")
    assert (
        main(["train", "cluster-contrast", "--quiet", "--data", str(crowd), "--out", run, *tiny_flags]) == 0
    )
    assert main(["index", run, "--quiet", "--data", str(crowd), "--gallery", gallery]) == 0
    capsys.readouterr()
    watch = ["watch", gallery, camera.address, "--out", out, "--camera", "door", "--for", "4s", *boxes]
    assert main(watch) == 0
    (event,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert event["camera"] == "door"
    assert event["tracklet"] == 1

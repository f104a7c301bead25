"""`reseen crop` on what cameras, phones and accidents make of a video: crops that can be used, or one clear line."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.cli.test_crop_command import boxes_of
from tests.video.conftest import moving_square, turn, videos, write, write_interlaced, write_sound  # noqa: F401
from tests.video.test_crop import constant_detector

from reseen.datasets import read_training
from reseen.video import crop_files
from reseen.video.tracker import VideoPass

QUARTER_TURN = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)


def rows_of(out):
    """The manifest, all of whose crops must be there and whole."""
    rows = pq.read_table(out / "manifest.parquet").to_pylist()
    for row in rows:
        assert np.asarray(Image.open(out / row["path"], formats=["JPEG"])).ndim == 3
    return rows


def box_lines(tmp_path, boxes):
    lines = [
        f"{number + 1},1,{left},{top},{width},{height},1,-1,-1,-1"
        for number, (left, top, width, height) in boxes
    ]
    (tmp_path / "boxes.txt").write_text("\n".join(lines) + "\n")
    return [
        "--detections",
        tmp_path / "boxes.txt",
        "--thin.height",
        "16",
        "--thin.fewest-frames",
        "2",
        "--quiet",
    ]


def test_sound_alone(fault, tmp_path):
    path = write_sound(tmp_path / "a.wav")
    assert "a.wav: has no video stream" in fault("crop", path, "--out", tmp_path / "out")


def test_a_truncated_file_is_cropped_as_far_as_it_goes_and_said(reseen_says, tmp_path):
    path = write(tmp_path / "a.mkv", [moving_square(number) for number in range(30)])
    content = path.read_bytes()
    path.write_bytes(content[: 2 * len(content) // 3])
    code, said, _ = reseen_says("crop", path, "--out", tmp_path / "out", *boxes_of(tmp_path, 25))
    assert code == 0
    assert "truncated or damaged" in said or "ends early" in said
    assert rows_of(tmp_path / "out")


def test_a_variable_frame_rate_keeps_the_times_of_crops(reseen_says, tmp_path):
    times = np.cumsum([0, *np.tile([1, 30, 2, 60], 5)])[:20].tolist()
    path = write(tmp_path / "a.mkv", [moving_square(number) for number in range(20)], rate=100, times=times)
    code, _, err = reseen_says("crop", path, "--out", tmp_path / "out", *boxes_of(tmp_path, 20))
    assert code == 0, err
    rows = rows_of(tmp_path / "out")
    assert len(rows) > 3
    for row in rows:
        assert row["time"] == pytest.approx(times[row["frame"]] / 100, abs=3e-3)


def test_a_phone_held_upright_is_cropped_upright(reseen_says, tmp_path):
    """The square is 24 rows high from row 20; after a quarter turn clockwise it is as wide, from column 20."""
    path = turn(write(tmp_path / "a.mp4", [moving_square(0)] * 10), QUARTER_TURN)
    flags = box_lines(tmp_path, [(number, (20, 4, 24, 24)) for number in range(10)])
    code, _, err = reseen_says("crop", path, "--out", tmp_path / "out", *flags)
    assert code == 0, err
    expected = np.rot90(moving_square(0), -1)[4:28, 20:44]
    for row in rows_of(tmp_path / "out"):
        pixels = np.asarray(Image.open(tmp_path / "out" / row["path"], formats=["JPEG"])).astype(int)
        assert np.abs(pixels - expected).mean() < 20


@pytest.mark.parametrize("kind", ["10-bit", "interlaced"])
def test_depth_and_fields_are_no_obstacle(reseen_says, tmp_path, kind):
    frames = [moving_square(number) for number in range(12)]
    path = (
        write(tmp_path / "a.mkv", frames, codec="ffv1", pixel_format="yuv420p10le")
        if kind == "10-bit"
        else write_interlaced(tmp_path / "a.mpg", 12)
    )
    code, _, err = reseen_says("crop", path, "--out", tmp_path / "out", *boxes_of(tmp_path, 12))
    assert code == 0, err
    rows = rows_of(tmp_path / "out")
    assert rows
    for row in rows:
        pixels = np.asarray(Image.open(tmp_path / "out" / row["path"], formats=["JPEG"]))
        assert pixels.shape == (24, 24, 3)
        assert pixels.mean() > 60  # the square, and not the dark background


def test_a_detector_that_does_not_fit(fault, tmp_path):
    path = write(tmp_path / "a.mp4", [np.full((120, 160, 3), 90, np.uint8)] * 3)
    wrong = constant_detector(tmp_path / "wrong.onnx", [[1.0, 2.0, 3.0]])
    line = fault("crop", path, "--out", tmp_path / "out", "--detector", wrong)
    assert "wrong.onnx: the detector's outputs of the shapes (1, 1, 3) do not fit" in line
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    assert "cannot be read as ONNX" in fault(
        "crop", path, "--out", tmp_path / "o2", "--detector", tmp_path / "no.onnx"
    )


def test_boxes_of_a_larger_video(fault, tmp_path):
    path = write(tmp_path / "a.mp4", [moving_square(number) for number in range(20)])
    flags = box_lines(tmp_path, [(number, (500, 300, 40, 90)) for number in range(20)])
    line = fault("crop", path, "--out", tmp_path / "out", *flags)
    assert "boxes are outside of the frames" in line
    assert "96 x 64 pixels; the boxes belong to another video" in line


def test_a_full_disk_is_one_line_and_leaves_whole_crops(videos, fault, tmp_path, monkeypatch):  # noqa: F811
    real, written = crop_files.create_file, []

    def full(path):
        written.append(path)
        if len(written) > 5:
            raise OSError(28, "No space left on device", str(path))
        return real(path)

    monkeypatch.setattr(crop_files, "create_file", full)
    flags = ["--detections", videos / "ground-truth", "--thin.height", "24", "--quiet"]
    assert "the disk is full" in fault("crop", videos, "--out", tmp_path / "out", *flags)
    assert all((tmp_path / "out" / row["path"]).is_file() for row in rows_of(tmp_path / "out"))


def test_ctrl_c_leaves_a_manifest_of_what_is_whole(videos, reseen_says, tmp_path, monkeypatch):  # noqa: F811
    whole = VideoPass.tracklets

    def interrupted(self):
        for tracklet in whole(self):
            yield tracklet
            if self.video.source.name == "camera2":
                raise KeyboardInterrupt

    monkeypatch.setattr(VideoPass, "tracklets", interrupted)
    flags = ["--detections", videos / "ground-truth", "--thin.height", "24", "--quiet"]
    code, _, err = reseen_says("crop", videos, "--out", tmp_path / "out", *flags)
    assert code == 130
    assert "what is written so far is whole and usable" in err
    assert {row["camera"] for row in rows_of(tmp_path / "out")} == {"camera1", "camera2"}
    assert read_training(tmp_path / "out" / "manifest.parquet")
    monkeypatch.setattr(VideoPass, "tracklets", whole)
    code, said, _ = reseen_says("crop", videos, "--out", tmp_path / "out", *flags)
    assert code == 0
    assert "1 of these videos were there already" in said

"""`reseen crop` as a new user would try it, and every bad input in one line."""

from functools import partial

import numpy as np
import pytest
from tests.video.conftest import Files, Stalling, moving_square, serve, videos, write  # noqa: F401

from reseen.video import frames as frames_module


@pytest.fixture
def clip(tmp_path):
    """A video of one second with nobody in it."""
    return write(tmp_path / "clip.mp4", [np.full((64, 96, 3), 80, np.uint8)] * 10)


def test_from_video_to_a_manifest_that_the_other_commands_take(videos, reseen_says, tmp_path):  # noqa: F811
    out = tmp_path / "crops"
    flags = ["--detections", videos / "ground-truth", "--thin.height", "24", "--quiet"]
    code, said, _ = reseen_says("crop", videos, "--out", out, *flags)
    assert code == 0
    assert "crops of 8 tracklets from 2 videos of 2 cameras" in said
    assert f"reseen train auto --data {out}/manifest.parquet" in said
    code, said, _ = reseen_says("crop", videos, "--out", out, *flags)
    assert "2 of these videos were there already" in said
    code, said, _ = reseen_says("data", "check", out / "manifest.parquet")
    assert code == 0
    assert "2 cameras" in said


def test_toy_draws_videos(reseen_says, fault, tmp_path):
    out = tmp_path / "videos"
    code, said, _ = reseen_says(
        "data", "toy", out, "--video", "--people", "2", "--cameras", "1", "--seconds", "1", "--height", "96",
        "--width", "128", "--quiet",
    )  # fmt: skip
    assert code == 0
    assert "1 videos, 10 frames" in said
    assert f"reseen crop {out}" in said
    assert "--processes has no effect with --video" in fault(
        "data", "toy", out, "--video", "--processes", "2"
    )
    assert "--seconds has no effect without --video" in fault("data", "toy", out, "--seconds", "2")


@pytest.mark.parametrize(("words", "message"), [
    (["nothing.mp4"], "no such file or folder"),
    ([], "no source is given"),
    (["{clip}", "{clip}"], "is given twice"),
    (["{clip}"], "no person found in 10 frames; `motion` detects"),
    (["{folder}"], "contains no videos and no frames"),
    (["{text}"], "cannot be opened as a video"),
    (["ftp://host/a.mp4"], "unknown scheme 'ftp'"),
    (["{clip}", "--detector", "none.onnx"], "no such ONNX file"),
    (["{clip}", "--detector", "yolo"], "motion"),
    (["{clip}", "--detections", "none.txt"], "none.txt: no such file of boxes"),
    (["{clip}", "--detections", "{other}"], "boxes up to frame 899"),
    (["{clip}", "--detector", "onnx"], "needs --onnx.file"),
    (["{clip}", "--detector", "file"], "needs --detections"),
    (["{clip}", "--thin.second", "1"], "no setting 'second'; did you mean 'seconds'"),
    (["{clip}", "--onnx.person", "1"], "has no effect where detector is motion"),
    (["{clip}", "--score", "0.5"], "has no effect where detector is motion"),
    (["{clip}", "--trakc.by", "sort"], "no setting 'trakc'; did you mean 'track'"),
    (["{clip}", "--detctor", "motion"], "did you mean '--detector'"),
    (["{clip}", "--frame-rate", "0.5"], "a tracklet would end between two frames"),
    (["{clip}", "--for", "soon"], "'soon' is no length of time"),
    (["{clip}", "--start", "noon"], "'noon' is neither Unix seconds nor a date"),
    (["{clip}", "--camera", "a", "--camera-pattern", "{{camera}}.mp4"], "leave one out"),
    (["{clip}", "--camera-pattern", "x{{camera}}.mp4"], "matches none of"),
])  # fmt: skip
def test_bad_input_is_one_line(words, message, clip, fault, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "other.txt").write_text("900,1,10,20,20,40,0.9\n")
    places = {
        "clip": clip, "folder": tmp_path / "folder", "text": tmp_path / "text.mp4", "other": tmp_path / "other.txt",
    }  # fmt: skip
    line = fault("crop", *[word.format(**places) for word in words], "--out", tmp_path / "out", "--quiet")
    assert message in line


def test_a_folder_with_other_content_is_not_written_to(clip, fault, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    assert "found 'dear.txt' in it" in fault("crop", clip, "--out", tmp_path / "letters")
    assert "found a file" in fault("crop", clip, "--out", clip)


def test_without_the_extra_it_says_which(clip, fault, tmp_path, monkeypatch):
    from reseen import optional_dependencies

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(optional_dependencies, "import_module", missing)
    line = fault("crop", clip, "--out", tmp_path / "out")
    assert line.endswith("pip install 'reseen[video]'")


def boxes_of(tmp_path, count):
    lines = [f"{number + 1},1,{4 + 2 * number},20,24,24,1,-1,-1,-1" for number in range(count)]
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


def test_a_stream_that_ends_and_one_that_is_ended(serve, reseen_says, fault, tmp_path):  # noqa: F811
    write(tmp_path / "live.ts", [moving_square(number) for number in range(30)])
    address = serve(partial(Files, directory=str(tmp_path)))
    flags = boxes_of(tmp_path, 30)
    code, said, _ = reseen_says(
        "crop", f"{address}/live.ts", "--out", tmp_path / "a", "--camera", "door", *flags
    )
    assert code == 0
    assert "from 1 video of 1 camera" in said
    assert len(list((tmp_path / "a" / "door").glob("127.0.0.1*.jpg"))) > 3
    _, said, _ = reseen_says("crop", f"{address}/live.ts", "--out", tmp_path / "b", "--for", "1s", *flags)
    frames = [path.stem.rpartition("_f")[2] for path in (tmp_path / "b").rglob("*.jpg")]
    assert 0 < max(map(int, frames)) < 10
    assert "cannot be opened" in fault("crop", f"{address}/gone.ts", "--out", tmp_path / "c", *flags)


def test_a_password_in_an_address_is_never_shown(fault, tmp_path):
    line = fault("crop", "http://me:secret@127.0.0.1:9/live", "--out", tmp_path / "out")
    assert "secret" not in line
    assert "127.0.0.1:9/live" in line


def test_a_stream_that_stalls_is_ended(serve, reseen_says, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(frames_module, "STALL_SECONDS", 3.0)
    generator = np.random.default_rng(0)
    noise = [generator.integers(0, 256, (64, 160, 3), dtype=np.uint8) for _ in range(60)]
    write(tmp_path / "live.ts", noise)
    address = serve(Stalling)
    code, said, _ = reseen_says(
        "crop", f"{address}/live.ts", "--out", tmp_path / "a", *boxes_of(tmp_path, 60)
    )
    assert code == 0
    assert "the stream was interrupted, or sent nothing for 3 s" in said

"""`reseen watch` as a new user would try it, and every bad input in one line."""

import json

import pytest
from tests.video.conftest import videos  # noqa: F401
from tests.video.test_sinks import Broker

import reseen
from reseen.video.watch import Watcher

FIELDS = {
    "format", "person", "score", "probability", "camera", "time", "until", "tracklet", "frames", "crop", "crops",
    "best", "delay",
}  # fmt: skip


@pytest.fixture
def gallery(crowd, trained, tmp_path_factory):
    """A gallery of the drawn crowd; made once, not to be changed."""
    folder = tmp_path_factory.getbasetemp() / "crowd-gallery"
    if not folder.exists():
        reseen.index_run(trained, crowd, folder, quiet=True)
    return folder


@pytest.fixture
def flags(videos):  # noqa: F811
    return ["--detections", videos / "ground-truth", "--thin.height", "24"]


def test_one_line_of_json_for_every_tracklet(videos, gallery, flags, reseen_says, tmp_path):  # noqa: F811
    out = tmp_path / "out"
    code, said, err = reseen_says(
        "watch", gallery, videos / "camera1.mp4", *flags, "--out", out, "--camera", "door"
    )
    assert code == 0, err
    lines = [json.loads(line) for line in said.splitlines()]
    assert len(lines) == 4
    for line in lines:
        assert set(line) == FIELDS
        assert line["camera"] == "door"
        assert line["crop"].startswith(str(out / "door"))
        assert -1 <= line["score"] <= 1
        assert line["best"]["image"]
    assert "no threshold: the nearest crop names the person" in err
    assert "4 tracklets in 60 frames, 6 s of video" in err
    code, said, err = reseen_says(
        "watch", gallery, videos / "camera1.mp4", *flags, "--out", out, "--threshold", "1", "--quiet", "--to",
        tmp_path / "lines.jsonl",
    )  # fmt: skip
    assert (code, said, err) == (0, "", "")
    again = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text().splitlines()]
    assert [line["tracklet"] for line in again] == [5, 6, 7, 8]
    assert [line["best"]["image"] for line in again] == [line["best"]["image"] for line in lines]


def test_lines_go_to_a_broker(videos, gallery, flags, reseen_says, tmp_path):  # noqa: F811
    broker = Broker()
    address = f"mqtt://127.0.0.1:{broker.port}/cameras/door"
    words = [
        "watch",
        gallery,
        videos / "camera1.mp4",
        *flags,
        "--out",
        tmp_path / "out",
        "--to",
        address,
        "--for",
        "5s",
    ]
    code, said, err = reseen_says(*words)
    broker.close()
    assert code == 0, err
    assert said == ""
    assert broker.messages
    assert all(topic == "cameras/door" and set(json.loads(line)) == FIELDS for topic, line in broker.messages)


def test_ctrl_c_tells_who_is_still_in_view(videos, gallery, flags, reseen_says, tmp_path, monkeypatch):  # noqa: F811
    whole = Watcher.events

    def interrupted(self):
        running = whole(self)
        yield next(running)
        running.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(Watcher, "events", interrupted)
    code, said, err = reseen_says("watch", gallery, videos / "camera1.mp4", *flags, "--out", tmp_path / "out")
    assert code == 130
    lines = [json.loads(line) for line in said.splitlines()]
    assert lines
    assert f"{len(lines)} tracklets in" in err


@pytest.mark.parametrize(("words", "message"), [
    (["{nothing}", "{video}"], "no gallery"),
    (["{gallery}", "{nothing}"], "no such file or folder"),
    (["{gallery}", "{videos}"], "contains 2 videos, but only one"),
    (["{gallery}", "{video}", "--threshold", "3"], "from -1 to 1, got 3"),
    (["{gallery}", "{video}", "--for", "soon"], "no length of time"),
    (["{gallery}", "{video}", "--start", "noon"], "neither Unix seconds nor a date"),
    (["{gallery}", "{video}", "--thin.second", "1"], "did you mean 'seconds'"),
    (["{gallery}", "{video}", "--trakc.by", "sort"], "did you mean 'track'"),
    (["{gallery}", "{video}", "--lop", "1"], "did you mean '--loop'"),
    (["{gallery}", "{video}", "--to", "mqtt://host"], "expected host and topic"),
    (["{gallery}", "{video}", "--to", "kafka://host/a"], "unknown scheme"),
    (["{gallery}", "{video}", "--to", "mqtt://me:secret@127.0.0.1:9/door"], "127.0.0.1:9/door: cannot connect"),
    (["{gallery}", "{video}", "--detections", "none.txt"], "none.txt: no such file of boxes"),
    (["{gallery}", "{text}"], "cannot be opened as a video"),
    (["{gallery}", "http://me:secret@127.0.0.1:9/live"], "127.0.0.1:9/live: cannot be opened"),
])  # fmt: skip
def test_bad_input_is_one_line(words, message, videos, gallery, fault, tmp_path):  # noqa: F811
    (tmp_path / "text.mp4").write_text("no video")
    places = {
        "nothing": tmp_path / "nothing", "gallery": gallery, "videos": videos, "video": videos / "camera1.mp4",
        "text": tmp_path / "text.mp4",
    }  # fmt: skip
    line = fault("watch", *[word.format(**places) for word in words], "--out", tmp_path / "out", "--quiet")
    assert message in line
    assert "secret" not in line

"""Videos to crops: found, followed, thinned, resumed; measured against the exact tracks of drawn videos."""

import csv
import json

import numpy as np
import onnx
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from tests.video.conftest import write
from trackers.eval import evaluate_mot_sequence

from reseen.datasets import read_training
from reseen.errors import DataError, SettingsError, StorageError, VideoError, WeightsError
from reseen.video import crop_files
from reseen.video.crop import crop_videos
from reseen.video.settings import crop_settings
from reseen.video.tracker import VideoPass

TRUTH = "ground-truth"
EXACT = ["--thin.height", "24"]


def rows_of(out):
    return pq.read_table(out / "manifest.parquet").to_pylist()


def exact(videos):
    return crop_settings(["--detections", str(videos / TRUTH), *EXACT])


def bytes_of(out):
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.suffix in {".jpg", ".csv", ".parquet"}
    }


@pytest.fixture(scope="module")
def cropped(videos, tmp_path_factory):
    """The crops by exact tracks; not to be changed."""
    return crop_videos(
        [videos], tmp_path_factory.mktemp("cropped") / "out", settings=exact(videos), quiet=True
    )


def test_crops_show_what_is_in_their_boxes(videos, cropped):
    """A crop is nearly the pixels of its frame, and its box is the exact one of one person."""
    from reseen.video.frames import open_video
    from reseen.video.sources import find_sources

    rows, out = rows_of(cropped.folder), cropped.folder
    assert len(rows) == cropped.crops > 30
    for source in find_sources([str(videos)]):
        with open_video(source, 25.0) as video:
            frames = {frame.number: frame.pixels for frame in video.read()}
        truth = np.loadtxt(videos / TRUTH / f"{source.name}.txt", delimiter=",", ndmin=2)
        for row in rows:
            if row["camera"] != source.camera:
                continue
            sides = [row[name] for name in ("left", "top", "right", "bottom")]
            mine = truth[truth[:, 0] == row["frame"] + 1]
            boxes = np.concatenate([mine[:, 2:4], mine[:, 2:4] + mine[:, 4:6]], axis=1)
            assert np.abs(boxes - sides).max(axis=1).min() < 0.01
            left, top, right, bottom = map(round, sides)
            pixels = np.asarray(Image.open(out / row["path"], formats=["JPEG"]))
            assert pixels.shape == (bottom - top, right - left, 3)
            assert np.abs(pixels.astype(int) - frames[row["frame"]][top:bottom, left:right]).mean() < 12


def test_a_tracklet_is_one_person_of_the_exact_tracks(videos, cropped):
    people = {}
    for row in rows_of(cropped.folder):
        truth = np.loadtxt(videos / TRUTH / f"{row['camera']}.txt", delimiter=",", ndmin=2)
        mine = truth[(truth[:, 0] == row["frame"] + 1) & (np.abs(truth[:, 2] - row["left"]) < 0.01)]
        people.setdefault((row["camera"], row["tracklet"]), set()).update(mine[:, 1])
    assert all(len(who) == 1 for who in people.values())
    assert len(people) == 8  # four people before two cameras


def test_the_manifest_is_read_as_data(cropped):
    for name in ("manifest.parquet", "manifest.csv"):
        table = read_training(cropped.folder / name)
        assert len(table) == cropped.crops
        assert table.camera_names == ("camera1", "camera2")
        assert len(set(table.tracklets.tolist())) == 8
        assert 0 <= table.times.min() <= table.times.max() <= 6
    with (cropped.folder / "manifest.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == cropped.crops
    counts = json.loads((cropped.folder / "crops.json").read_text())
    assert counts["total"]["crops"] == cropped.crops
    assert sum(source["tracklets"] for source in counts["sources"]) == 8
    page = cropped.sheet.read_text()
    assert "Camera camera1" in page
    assert page.count('class="sheet') == 8


def test_the_same_videos_give_the_same_bytes_and_are_not_gone_through_again(
    videos, cropped, tmp_path, monkeypatch
):
    out = tmp_path / "again"
    crop_videos([videos], out, settings=exact(videos), quiet=True)
    assert bytes_of(out) == bytes_of(cropped.folder)
    monkeypatch.setattr(VideoPass, "tracklets", lambda self: pytest.fail("gone through again"))
    assert crop_videos([videos], out, settings=exact(videos), quiet=True).skipped == 2


def test_an_interruption_keeps_what_is_there_and_goes_on(videos, cropped, tmp_path, monkeypatch):
    out, whole = tmp_path / "out", VideoPass.tracklets

    def interrupted(self):
        for tracklet in whole(self):
            yield tracklet
            if self.video.source.name == "camera2":
                raise KeyboardInterrupt

    monkeypatch.setattr(VideoPass, "tracklets", interrupted)
    with pytest.raises(KeyboardInterrupt):
        crop_videos([videos], out, settings=exact(videos), quiet=True)
    rows = rows_of(out)
    assert {row["camera"] for row in rows} == {"camera1", "camera2"}
    assert all((out / row["path"]).is_file() for row in rows)
    assert read_training(out / "manifest.parquet")
    monkeypatch.setattr(VideoPass, "tracklets", whole)
    assert crop_videos([videos], out, settings=exact(videos), quiet=True).skipped == 1
    assert bytes_of(out) == bytes_of(cropped.folder)


def test_a_full_disk_leaves_a_manifest_of_what_is_whole(videos, cropped, tmp_path, monkeypatch):
    out, real, written = tmp_path / "out", crop_files.create_file, []

    def full(path):
        written.append(path)
        if len(written) > 10:
            raise OSError(28, "No space left on device", str(path))
        return real(path)

    monkeypatch.setattr(crop_files, "create_file", full)
    with pytest.raises(StorageError, match="the disk is full"):
        crop_videos([videos], out, settings=exact(videos), quiet=True)
    assert all((out / row["path"]).is_file() for row in rows_of(out))
    monkeypatch.setattr(crop_files, "create_file", real)
    crop_videos([videos], out, settings=exact(videos), quiet=True)
    assert bytes_of(out) == bytes_of(cropped.folder)


def test_other_settings_replace_the_crops(videos, cropped, tmp_path):
    out = tmp_path / "out"
    crop_videos([videos / "camera1.mp4"], out, settings=exact(videos), quiet=True)
    few = crop_settings(["--detections", str(videos / TRUTH), *EXACT, "--thin.seconds", "3"])
    result = crop_videos([videos / "camera1.mp4"], out, settings=few, quiet=True)
    assert result.crops < cropped.records[0].facts.crops
    assert len(list(out.rglob("*.jpg"))) == result.crops


def test_motion_finds_most_of_the_people(videos, tmp_path):
    """No number of one machine: far above what would be found by chance, on video where people meet."""
    out, lines = tmp_path / "out", []
    settings = crop_settings(["--motion.smallest", "0.15", *EXACT])
    result = crop_videos([videos / "camera1.mp4"], out, settings=settings, quiet=True)
    truth = np.loadtxt(videos / TRUTH / "camera1.txt", delimiter=",", ndmin=2)
    for row in rows_of(out):
        box = np.array([row[name] for name in ("left", "top", "right", "bottom")])
        mine = truth[truth[:, 0] == row["frame"] + 1]
        corners = np.concatenate([mine[:, 2:4], mine[:, 2:4] + mine[:, 4:6]], axis=1)
        low, high = np.maximum(corners[:, :2], box[:2]), np.minimum(corners[:, 2:], box[2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        areas = np.prod(corners[:, 2:] - corners[:, :2], axis=1) + np.prod(box[2:] - box[:2]) - shared
        lines.append((shared / areas).max(initial=0))
    assert result.crops > 10
    assert np.median(lines) > 0.6


@pytest.mark.parametrize("by", ["bytetrack", "sort", "ocsort", "botsort", "cbiou"])
def test_every_tracker_follows_exact_boxes(videos, tmp_path, by):
    """Boxes without tracks get tracks of nearly one person each, by the trackers' own measure."""
    truth = np.loadtxt(videos / TRUTH / "camera1.txt", delimiter=",", ndmin=2)
    bare = truth.copy()
    bare[:, 1] = -1
    np.savetxt(tmp_path / "camera1.txt", bare[:, :7], delimiter=",", fmt="%g")
    settings = crop_settings(
        ["--detections", str(tmp_path / "camera1.txt"), "--track.by", by, "--double", "1"]
    )
    from reseen.video.frames import open_video
    from reseen.video.sources import find_sources

    (source,), found = find_sources([str(videos / "camera1.mp4")]), []
    with open_video(source, 25.0) as video:
        video_pass = VideoPass(video, settings)
        add = video_pass.collector.add
        video_pass.collector.add = lambda frame, boxes: [
            found.append((frame.number, boxes)),
            *add(frame, boxes),
        ][1:]
        list(video_pass.tracklets())
    lines = [
        f"{number + 1},{track},{x0:.2f},{y0:.2f},{x1 - x0:.2f},{y1 - y0:.2f},1,-1,-1,-1"
        for number, boxes in found
        for (x0, y0, x1, y1), track in zip(boxes.corners.tolist(), boxes.tracks.tolist(), strict=True)
    ]
    (tmp_path / "found.txt").write_text("\n".join(lines) + "\n")
    score = evaluate_mot_sequence(videos / TRUTH / "camera1.txt", tmp_path / "found.txt", ["Identity"])
    assert score.Identity.IDF1 > 0.4  # with a new track in every frame it would be below 0.1


def constant_detector(path, table):
    """A detector that gives the same final boxes for every frame, on any input of 64 x 96 pixels."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 64, 96])
    boxes = helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, len(table), len(table[0])])
    values = numpy_helper.from_array(np.array([table], dtype=np.float32), "table")
    nodes = [
        helper.make_node("ReduceMin", ["image"], ["least"], keepdims=0),
        helper.make_node("Mul", ["least", "zero"], ["nothing"]),
        helper.make_node("Add", ["table", "nothing"], ["boxes"]),
    ]
    zero = numpy_helper.from_array(np.array(0, dtype=np.float32), "zero")
    graph = helper.make_graph(nodes, "constant", [image], [boxes], [values, zero])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(onnx.ModelProto.SerializeToString(model))
    return path


def test_an_onnx_file_is_a_detector(tmp_path):
    """Its input is half as large as the frame and wider: boxes come back in pixels of the frame."""
    video = write(tmp_path / "a.mp4", [np.full((120, 160, 3), 90, np.uint8)] * 8)
    table = [[20, 10, 40, 50, 0.9, 0], [60, 10, 80, 50, 0.9, 3], [20, 10, 40, 50, 0.1, 0]]
    model = constant_detector(tmp_path / "model.onnx", table)
    settings = crop_settings(["--detector", str(model), "--thin.height", "16", "--thin.fewest-frames", "2"])
    crop_videos([video], tmp_path / "out", settings=settings, quiet=True)
    boxes = {
        tuple(row[name] for name in ("left", "top", "right", "bottom")) for row in rows_of(tmp_path / "out")
    }
    ratio, left = 64 / 120, (96 - round(160 * 64 / 120)) // 2
    assert len(boxes) == 1
    assert np.allclose(
        boxes.pop(), [(20 - left) / ratio, 10 / ratio, (40 - left) / ratio, 50 / ratio], atol=1e-3
    )
    wrong = constant_detector(tmp_path / "wrong.onnx", [[1.0, 2.0, 3.0]])
    with pytest.raises(WeightsError, match=r"wrong\.onnx: the detector's outputs.*do not fit"):
        crop_videos([video], tmp_path / "o2", settings=crop_settings(["--detector", str(wrong)]), quiet=True)
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"no\.onnx: cannot be read as ONNX"):
        crop_videos(
            [video],
            tmp_path / "o3",
            settings=crop_settings(["--detector", f"{tmp_path}/no.onnx"]),
            quiet=True,
        )


def test_torchvision_with_weights_of_a_file(tmp_path):
    from safetensors.torch import save_file
    from torchvision import models

    name = "ssdlite320_mobilenet_v3_large"
    model = models.get_model(name, weights=None, weights_backbone=None)
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    video = write(tmp_path / "a.mp4", [np.full((120, 160, 3), 90, np.uint8)] * 2)
    flags = ["--detector", f"torchvision:{name}", "--score", "0.99", "--torchvision.weights"]
    with pytest.raises(DataError, match="no person found in 2 frames"):  # it has learned nothing
        crop_videos(
            [video], tmp_path / "out", settings=crop_settings([*flags, f"{tmp_path}/weights.safetensors"])
        )
    state = {key: value for key, value in model.state_dict().items() if not key.endswith(".bias")}
    save_file(state, tmp_path / "part.safetensors")
    with pytest.raises(
        WeightsError, match=rf"part\.safetensors: the weights do not fit {name}: it lacks \d+ of"
    ):
        crop_videos(
            [video], tmp_path / "o1", settings=crop_settings([*flags, f"{tmp_path}/part.safetensors"])
        )
    (tmp_path / "bad.safetensors").write_bytes(b"bad")
    with pytest.raises(WeightsError, match="cannot be read as safetensors"):
        crop_videos([video], tmp_path / "o2", settings=crop_settings([*flags, f"{tmp_path}/bad.safetensors"]))
    with pytest.raises(SettingsError, match="torchvision has no detector 'fastrcnn'"):
        crop_videos([video], tmp_path / "o3", settings=crop_settings(["--detector", "torchvision:fastrcnn"]))


def test_recordings_of_one_camera_do_not_overlap_in_time(videos, tmp_path):
    day = tmp_path / "day"
    day.mkdir()
    for number in (1, 2):
        (day / f"door_{number}.mp4").write_bytes((videos / f"camera{number}.mp4").read_bytes())
        (day / f"door_{number}.txt").write_bytes((videos / TRUTH / f"camera{number}.txt").read_bytes())
    settings = crop_settings(["--detections", str(day), *EXACT])
    crop_videos([day], tmp_path / "out", settings=settings, camera_pattern="{camera}_{*}.mp4", quiet=True)
    times = {}
    for row in rows_of(tmp_path / "out"):
        assert row["camera"] == "door"
        times.setdefault(row["source"], []).append(row["time"])
    assert max(times["door_1"]) + 30 < min(times["door_2"])


def test_a_start_makes_times_absolute(videos, tmp_path):
    crop_videos(
        [videos / "camera1.mp4"],
        tmp_path / "out",
        settings=exact(videos),
        start="2026-05-01T12:00",
        quiet=True,
    )
    assert all(1777636800 <= row["time"] <= 1777636806 for row in rows_of(tmp_path / "out"))


def test_a_bad_video_among_good_ones_is_left_out(videos, tmp_path):
    folder = tmp_path / "day"
    folder.mkdir()
    (folder / "camera1.mp4").write_bytes((videos / "camera1.mp4").read_bytes())
    (folder / "broken.mp4").write_bytes(b"broken")
    result = crop_videos([folder], tmp_path / "out", settings=exact(videos), quiet=True)
    assert len(result.records) == 1
    assert "broken.mp4: cannot be opened" in result.unreadable[0]
    (folder / "camera1.mp4").write_bytes(b"broken too")
    with pytest.raises(VideoError, match="none of 2 videos can be read"):
        crop_videos([folder], tmp_path / "o2", settings=exact(videos), quiet=True)

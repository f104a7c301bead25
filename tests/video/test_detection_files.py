"""The same boxes from every format that others write."""

import json

import numpy as np
import pytest
import supervision

from reseen.errors import DataError
from reseen.video.detection_files import FileDetector, read_detections
from reseen.video.sources import Source

BOXES = {0: [(10, 20, 30, 60, 0.9, 4)], 2: [(12, 20, 32, 60, 0.5, 4), (50, 10, 70, 58, 0.25, 7)]}


def expected():
    return [(frame, box[:4], box[4], box[5]) for frame, boxes in BOXES.items() for box in boxes]


def write_mot(path):
    lines = [
        f"{frame + 1},{track},{x},{y},{x1 - x},{y1 - y},{score},-1,-1,-1"
        for frame, boxes in BOXES.items()
        for x, y, x1, y1, score, track in boxes
    ]
    path.write_text("\n".join(lines) + "\n")


def write_csv(path):
    lines = ["frame,left,top,right,bottom,score,track"]
    lines += [",".join(map(str, (frame, *box))) for frame, boxes in BOXES.items() for box in boxes]
    path.write_text("\n".join(lines) + "\n")


def write_supervision(path):
    sink = supervision.JSONSink if path.suffix == ".json" else supervision.CSVSink
    with sink(str(path)) as file:
        for frame, boxes in BOXES.items():
            table = np.array(boxes, dtype=float)
            detections = supervision.Detections(
                xyxy=table[:, :4], confidence=table[:, 4], class_id=np.zeros(len(table), int),
                tracker_id=table[:, 5].astype(int),
            )  # fmt: skip
            file.append(detections, custom_data={"frame_index": frame})


def write_coco(path):
    images = [{"id": 100 + frame, "file_name": f"{frame}.jpg"} for frame in range(3)]
    annotations = [
        {
            "image_id": 100 + frame,
            "bbox": [x, y, x1 - x, y1 - y],
            "score": score,
            "track_id": track,
            "category_id": 3,
        }
        for frame, boxes in BOXES.items()
        for x, y, x1, y1, score, track in boxes
    ]
    annotations.append({"image_id": 100, "bbox": [0, 0, 5, 5], "score": 1.0, "category_id": 8})
    categories = [{"id": 3, "name": "person"}, {"id": 8, "name": "dog"}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))


WRITERS = {
    "mot.txt": write_mot, "own.csv": write_csv, "sv.json": write_supervision, "sv.csv": write_supervision,
    "coco.json": write_coco,
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_all_formats_hold_the_same_boxes(tmp_path, name):
    WRITERS[name](tmp_path / name)
    rows = read_detections(tmp_path / name)
    found = [(row.frame, row.corners, pytest.approx(row.score), row.track) for row in rows]
    assert expected() == found


@pytest.mark.parametrize("name", WRITERS)
def test_boxes_of_a_frame(tmp_path, name):
    WRITERS[name](tmp_path / name)
    detector = FileDetector(tmp_path / name, Source("/v.mp4", "video", "v", "v"), 3, 0.4)
    pixels = np.zeros((100, 100, 3), np.uint8)
    boxes = detector.detect(pixels, 2)
    assert (boxes.corners.tolist(), boxes.tracks.tolist()) == ([[12, 20, 32, 60]], [4])
    assert len(detector.detect(pixels, 1)) == 0
    assert detector.detect(pixels, 1).tracks is not None  # the user's own tracks: nothing is left to track


def test_boxes_without_tracks_are_left_to_the_tracker(tmp_path):
    (tmp_path / "a.txt").write_text("1,-1,10,20,20,40,0.9,-1,-1,-1\n")
    detector = FileDetector(tmp_path / "a.txt", Source("/v.mp4", "video", "v", "v"), 3, 0.4)
    assert detector.detect(np.zeros((100, 100, 3), np.uint8), 0).tracks is None
    assert detector.detect(np.zeros((100, 100, 3), np.uint8), 1).tracks is None


def test_a_folder_has_a_file_for_every_video(tmp_path):
    write_mot(tmp_path / "door.txt")
    FileDetector(tmp_path, Source("/day/door.mp4", "video", "door-2", "c"), 3, 0.4)
    with pytest.raises(DataError, match=r"expected hall\.txt"):
        FileDetector(tmp_path, Source("/day/hall.mp4", "video", "hall", "c"), 3, 0.4)


def test_a_file_of_a_longer_video_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("900,1,10,20,20,40,0.9\n")
    with pytest.raises(DataError, match=r"has boxes up to frame 899.*100 frames.*another video"):
        FileDetector(tmp_path / "a.txt", Source("/v.mp4", "video", "v", "v"), 100, 0.4)


def test_a_file_of_a_larger_video_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"{n},1,1000,500,80,200,0.9\n" for n in range(1, 20)))
    detector = FileDetector(tmp_path / "a.txt", Source("/v.mp4", "video", "v", "v"), 100, 0.4)
    pixels = np.zeros((240, 320, 3), np.uint8)
    with pytest.raises(DataError, match=r"are outside of the frames.*320 x 240"):
        all(detector.detect(pixels, number) for number in range(19))


@pytest.mark.parametrize(("name", "text", "message"), [
    ("a.txt", "hello world\n", "line 1"),
    ("a.txt", "1,2,3\n", "line 1.*3 numbers"),
    ("a.txt", "0,1,2,3,4,5,1\n", "counted from 1"),
    ("a.txt", "1,1,2,3,-4,5,1\n", "box has -4 x 5"),
    ("a.txt", "1,1,nan,3,4,5,1\n", "not finite"),
    ("a.csv", "frame,left,top,right\n1,2,3,4\n", "row 2: no bottom"),
    ("a.csv", "frame,left,top,right,bottom\n1,2,3,x,9\n", "row 2"),
    ("a.csv", "frame,left,top,right,bottom\n1.5,2,3,8,9\n", "is not a frame number"),
    ("a.json", "{}", "lacks 'images'"),
    ("a.json", "[1, 2]", "cannot be read"),
    ("a.json", "nothing", "cannot be read"),
    ("a.json", '[{"image_id": 1, "bbox": [1, 2, 3, 4], "score": 1}]', "without images"),
    ("a.json", '{"images": [{"id": 1}], "annotations": [{"image_id": 9, "bbox": [1, 2, 3, 4]}]}', "lacks 9"),
    ("a.txt", "", "contains no boxes"),
])  # fmt: skip
def test_what_is_no_file_of_boxes_is_said(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        FileDetector(tmp_path / name, Source("/v.mp4", "video", "v", "v"), 3, 0.4)

"""Files that people pass on: boxes in videos, annotations, records of cropped videos, saved and exported encoders."""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.faulting import binary_structures as binary
from benchmarks.faulting import structures
from benchmarks.faulting.desk import Desk
from benchmarks.faulting.format import Format

from reseen.annotations.annotation import AnnotatedImage, Annotation, frame_name
from reseen.annotations.coco import read_coco, write_coco
from reseen.annotations.cvat import CROPS, read_cvat, write_cvat
from reseen.export.pretrained import CONFIG, WEIGHTS, load
from reseen.export.reid_folder import write_reid
from reseen.exported.reid_reader import REID_CONFIG, ReidFolder
from reseen.models import Encoder, ModelSettings
from reseen.video.crop_files import write_manifest
from reseen.video.detection_files import read_detections
from reseen.video.record import CropRow, SourceFacts, read_records, record_path, write_record

PASSED_ON = (
    "boxes.txt", "boxes.csv", "boxes.json", "people.json", "tracks.xml", "pictures.xml", "record.parquet",
    "reid_config.json", "config.json", "model.safetensors",
)  # fmt: skip
"""Their names."""


def passed_on_formats(desk: Desk) -> list[Format]:
    """All of them."""
    boxes = [read_detections]
    return [
        Format("boxes.txt", "boxes.txt", [_MOT], boxes, structures.of_csv),
        Format("boxes.csv", "boxes.csv", [_TABLE], boxes, structures.of_csv),
        Format("boxes.json", "boxes.json", [_coco(), _supervision()], boxes, structures.of_json),
        Format("people.json", "people.json", [_annotations("people.json")], [read_coco], structures.of_json),
        Format("tracks.xml", "hall.xml", [_annotations("hall.xml")], [read_cvat], structures.of_xml),
        Format("pictures.xml", CROPS, [_annotations(CROPS)], [read_cvat], structures.of_xml),
        Format(
            "record.parquet", "record.parquet", [_record(desk.folder)], [_record_reader], binary.of_parquet
        ),
        _exported(desk.folder / "exported encoder"),
        *(_saved(desk, name, change) for name, change in _SAVED.items()),
    ]


_SAVED = {CONFIG: structures.of_json, WEIGHTS: structures.of_safetensors}
_MOT = b"1,1,10.5,20,30,80,0.9,-1,-1,-1\n1,2,60,20,30,80,0.8,-1,-1,-1\n2,1,12,20,30,80,0.9,-1,-1,-1\n"
_TABLE = b"frame,left,top,right,bottom,score,track\n0,10,20,40,100,0.9,1\n1,12,20,42,100,0.8,1\n"
_CAMERA, _NAME = "hall", "monday"


def _coco() -> bytes:
    images = [{"id": 1, "file_name": "000001.jpg"}, {"id": 2, "file_name": "000002.jpg"}]
    boxes = [
        {"image_id": image["id"], "category_id": 1, "bbox": [10, 20, 30, 80], "score": 0.9}
        for image in images
    ]
    categories = [{"id": 1, "name": "person"}]
    return json.dumps({"images": images, "annotations": boxes, "categories": categories}).encode()


def _supervision() -> bytes:
    box = {"x_min": 10, "y_min": 20, "x_max": 40, "y_max": 100, "confidence": 0.9, "class_id": 0}
    return json.dumps([{**box, "tracker_id": 1, "frame_index": frame} for frame in range(3)]).encode()


def _annotations(name: str) -> bytes:
    """A file of two people on frames and one crop."""
    frames = [AnnotatedImage(frame_name("hall", number), 640, 480, "hall", number) for number in range(3)]
    boxes = [
        Annotation(
            frame, (10.5, 20, 40, 100), track, "Anna" if track == 1 else "", f"key {frame.frame} {track}"
        )
        for frame in frames
        for track in (1, 2)
    ]
    boxes.append(Annotation(AnnotatedImage("c1/a.jpg", 60, 120), (0, 0, 60, 120), 1, "Anna", "key"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_coco(boxes, folder / "people.json")
        write_cvat(boxes, folder)
        return (folder / name).read_bytes()


def _exported(folder: Path) -> Format:
    encoder = Encoder(ModelSettings(backbone="test_vit", weights="none"), 64, 32).eval()
    write_reid(encoder, {"reseen.backbone": "test_vit"}, folder, folder)

    def read(file: Path) -> None:
        shutil.copy(file, folder / REID_CONFIG)
        ReidFolder(folder)

    return Format(REID_CONFIG, REID_CONFIG, [(folder / REID_CONFIG).read_bytes()], [read], structures.of_json)


def _record(folder: Path) -> bytes:
    rows = [CropRow(f"hall/{n}.jpg", 1, n / 25, n, 10.0, 20.0, 40.0, 100.0, 0.9, 3.0) for n in range(3)]
    facts = SourceFacts(
        _NAME, _CAMERA, "/videos/monday.mp4", "f", True, 1.5, 75, 3.0, 9, 1, 3, 0, 0, ("a note",)
    )
    write_record(folder, facts, rows)
    return record_path(folder, _CAMERA, _NAME).read_bytes()


def _record_reader(file: Path) -> None:
    """As a repeated `reseen crop` does: the records of before, and the manifest of all."""
    out = file.parent / "cropped"
    place = record_path(out, _CAMERA, _NAME)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, place)
    write_manifest(out, read_records(out))


def _saved(desk: Desk, name: str, change: structures.Restructure) -> Format:
    folder = load(desk.run).save(desk.folder / f"saved encoder with another {name}")
    return Format(name, name, [(folder / name).read_bytes()], [_encoder_reader(folder, name)], change)


def _encoder_reader(folder: Path, name: str) -> Callable[[Path], object]:
    good = (folder / name).read_bytes()

    def read(file: Path) -> None:
        shutil.copy(file, folder / name)
        try:
            load(folder)
        finally:
            (folder / name).write_bytes(good)

    return read

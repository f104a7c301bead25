"""People of a gallery in files of annotation tools, and back."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.annotations.conftest import fill, names, record
from tests.gallery.stores.conftest import MODEL

import reseen
from reseen.annotations.annotation import match_annotations
from reseen.annotations.coco import read_coco
from reseen.annotations.cvat import CROPS, read_cvat
from reseen.annotations.gallery_annotations import gallery_boxes
from reseen.errors import DataError, SettingsError
from reseen.gallery.entries import Entries, Entry


def test_recordings_become_boxes_on_frames_with_clusters_for_people(recorded, tmp_path):
    written = reseen.export_annotations(recorded, tmp_path / "people.json")
    assert (written.boxes, written.people, written.nobody) == (6, 2, 2)
    boxes = read_coco(tmp_path / "people.json")
    assert [(box.picture.name, box.track, box.person) for box in boxes[:4]] == [
        ("hall/000012.jpg", 2, ""), ("hall/000003.jpg", 1, ""), ("hall/000004.jpg", 1, ""), ("hall/000009.jpg", 1, "")
    ]  # fmt: skip
    assert boxes[1].corners == (13, 20, 43, 100)
    assert (boxes[1].picture.width, boxes[1].picture.height, boxes[1].picture.frame) == (640, 480, 3)


def test_crops_are_pictures_of_their_own_upright(loose, tmp_path):
    reseen.export_annotations(loose, tmp_path / "cvat")
    boxes = read_cvat(tmp_path / "cvat" / CROPS)
    assert [box.corners[2:] for box in boxes] == [(30, 80), (31, 80), (80, 32), (33, 80), (34, 80), (35, 80)]


@pytest.mark.parametrize("out", ["people.json", "cvat"])
@pytest.mark.parametrize("kind", ["recorded", "loose"])
def test_people_that_go_out_and_come_back_change_nothing(out, kind, request, tmp_path):
    gallery = request.getfixturevalue(kind)
    gallery.people.update()
    gallery.people.rename(1, "Anna & <Bert>")
    before = names(gallery)
    assert set(before.values()) == {"Anna & <Bert>", "person 2"}
    written = reseen.export_annotations(gallery, tmp_path / out)
    assert (written.people, written.boxes) == (2, 6)
    read = reseen.import_annotations(gallery, tmp_path / out)
    assert (read.boxes, read.unmatched, read.moved, read.named) == (6, 0, 0, ())
    assert names(gallery) == before


def test_what_cvat_gives_back_is_one_edit(recorded, tmp_path):
    """CVAT drops keys that its label lacks, numbers tracks anew, moves boxes a little, and people name a track."""
    people = recorded.people
    people.update()
    before = names(recorded)
    written = reseen.export_annotations(recorded, tmp_path / "cvat")
    assert {file.name for file in written.files} == {"hall.xml", "door.xml", "labels.json"}
    text = (tmp_path / "cvat" / "hall.xml").read_text()
    for old, new in (
        ('<attribute name="person">person 1<', '<attribute name="person">Anna<'), ('track id="0"', 'track id="7"'),
        ('xtl="13.0"', 'xtl="15.5"'),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    kept = [line for line in text.splitlines() if 'name="key"' not in line]
    (tmp_path / "job.xml").write_text("\n".join(kept).replace("<name>hall</name>", "<name>Task 5</name>"))
    with pytest.raises(DataError, match="belongs to none of the recordings door, hall"):
        reseen.import_annotations(recorded, tmp_path / "job.xml")
    (tmp_path / "job.xml").rename(tmp_path / "hall.xml")
    read = reseen.import_annotations(recorded, tmp_path / "hall.xml")
    assert (read.boxes, read.moved, read.named) == (4, 3, ("Anna",))
    after = names(recorded)
    assert {image for image, name in after.items() if name == "Anna"} == {
        f"c1/hall-{n}.jpg" for n in (3, 4, 9)
    }
    assert {image: name for image, name in after.items() if name != "Anna"} == {
        image: name for image, name in before.items() if name == "person 2"
    }
    people.undo()
    assert names(recorded) == before


def test_recordings_of_one_name_are_told_apart(tmp_path):
    source = tmp_path / "crops"
    images = [*record(source, "c1", "monday", [1, 2, 3]), *record(source, "c2", "monday", [1, 2, 3])]
    with fill(tmp_path / "gallery", source, images) as gallery:
        boxes, nobody = gallery_boxes(gallery)
        assert {box.recording for box in boxes} == {"c1--monday", "c2--monday"}
        assert nobody == 0
        assert len(match_annotations(boxes, boxes).boxes) == 6


def test_crops_that_are_gone_or_in_shards_are_said(loose, tmp_path):
    Path(tmp_path / "crops" / "c1" / "0.jpg").unlink()
    with pytest.raises(DataError, match=r"0\.jpg: .*; the crops must be where they were indexed"):
        reseen.export_annotations(loose, tmp_path / "people.json")
    shard = Entry(str(tmp_path), "a.tar::b.jpg", cluster=1)
    loose.store.add(Entries([shard], np.eye(1, MODEL.dimension, dtype=np.float32)))
    with pytest.raises(DataError, match="a crop in a shard is no picture that annotation tools open"):
        reseen.export_annotations(loose, tmp_path / "people.json")


@pytest.mark.parametrize(
    ("out", "format", "message"),
    [
        ("people.xml", None, "give the name of a folder"),
        ("people.json", "cvat", "give the name of a folder"),
        ("people.txt", "coco", "a COCO file ends in .json"),
        ("people", "cocoa", "no 'cocoa'; did you mean 'coco'"),
        ("people", "fiftyone", r"fiftyone.*pip install 'reseen\[fiftyone\]'"),
    ],
)
def test_a_place_that_does_not_fit_is_said(out, format, message, loose, tmp_path):
    with pytest.raises(SettingsError, match=message):
        reseen.export_annotations(loose, tmp_path / out, format=format)


def test_a_gallery_of_nobody_says_what_to_do(tmp_path):
    source = tmp_path / "crops"
    images = record(source, "c1", "hall", [1])
    with fill(tmp_path / "gallery", source, images) as gallery:
        entry = Entry(str(source), images[0])
        gallery.store.add(Entries([entry], np.eye(1, MODEL.dimension, dtype=np.float32)))
        with pytest.raises(DataError, match="no crop has a person; cluster the crops"):
            reseen.export_annotations(gallery, tmp_path / "people.json")
        (tmp_path / "empty").mkdir()
        with pytest.raises(DataError, match=r"has no \.xml file"):
            reseen.import_annotations(gallery, tmp_path / "empty")


def test_the_commands_say_what_was_done(recorded, tmp_path, reseen_says, fault):
    recorded.people.update()
    recorded.close()
    gallery, out = tmp_path / "gallery", tmp_path / "people.json"
    code, said, _ = reseen_says("annotations", "export", gallery, "--out", out)
    assert code == 0
    assert said == f"{out}\n6 crops of 2 people or clusters; 2 crops of nobody\n"
    content = json.loads(out.read_text())
    for box in content["annotations"]:
        if box["track_id"] == 2:
            box["attributes"]["person"] = "Bert"
    out.write_text(json.dumps(content))
    code, said, _ = reseen_says("annotations", "import", gallery, out)
    assert said.splitlines() == [
        "6 crops read, 3 of them given to another person",
        "new people: Bert",
        f"undo with `reseen people undo {gallery}`",
    ]
    assert "cannot be read as COCO" in fault("annotations", "import", gallery, gallery / "gallery.json")

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.annotations.boxes import crop_boxes, frame_boxes

from reseen.annotations.annotation import AnnotatedImage, Annotation, frame_name
from reseen.annotations.cvat import CROPS, LABELS, read_cvat, write_cvat
from reseen.errors import DataError
from reseen.reading import parse_xml


def facts(boxes, numbered):
    """What CVAT keeps of boxes: not the size of frames, and numbers only where they are not tracks of a file."""
    return sorted(
        (box.picture.name, box.corners, box.track if numbered else 0, box.person, box.key) for box in boxes
    )


@settings(max_examples=60, deadline=None)
@given(boxes=st.lists(frame_boxes() | crop_boxes(), max_size=12))
def test_what_is_written_is_read(boxes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cvat")
    write_cvat(boxes, folder)
    recordings = {box.recording for box in boxes if box.recording}
    found = [box for file in folder.glob("*.xml") for box in read_cvat(file, recordings)]
    crops = [box for box in boxes if not box.recording]
    assert facts([box for box in found if not box.recording], True) == facts(crops, True)
    frames = [box for box in boxes if box.recording]
    found_frames = [box for box in found if box.recording]
    assert facts(found_frames, False) == facts(frames, False)
    for recording in recordings:  # a track is of one person, and has one box in a frame
        numbers = {}
        for box in found_frames:
            if box.recording == recording:
                numbers.setdefault(box.track, []).append(box)
        for drawn in numbers.values():
            assert len({box.person for box in drawn}) == 1
            assert len({box.picture.frame for box in drawn}) == len(drawn)


def box(frame, track=1, person="", recording="hall"):
    return Annotation(
        AnnotatedImage(frame_name(recording, frame), recording=recording, frame=frame),
        (1, 2, 30, 80),
        track,
        person,
    )


def test_a_track_ends_where_its_crops_end(tmp_path):
    write_cvat([box(3), box(4), box(9)], tmp_path)
    (track,) = parse_xml((tmp_path / "hall.xml").read_bytes()).find_all("track")
    drawn = [(int(shown.attributes["frame"]), shown.attributes["outside"]) for shown in track.find_all("box")]
    assert drawn == [(3, "0"), (4, "0"), (5, "1"), (9, "0"), (10, "1")]


def test_the_label_has_the_attributes_that_boxes_have(tmp_path):
    write_cvat([box(1, person="Anna")], tmp_path)
    (label,) = json.loads((tmp_path / LABELS).read_text())
    assert label["name"] == "person"
    assert [attribute["name"] for attribute in label["attributes"]] == ["person", "key"]


def xml(inner, top="annotations"):
    return f'<?xml version="1.0"?><{top}><version>1.1</version>{inner}</{top}>'.encode()


TRACK = '<track id="0" label="person"><box frame="2" xtl="1" ytl="2" xbr="30" ybr="80" outside="0"/></track>'


def read(tmp_path, content, recordings=(), name="task.xml"):
    (tmp_path / name).write_bytes(content)
    return read_cvat(tmp_path / name, recordings)


def test_the_recording_is_found_by_task_video_file_or_as_the_only_one(tmp_path):
    meta = "<meta><task><name>{}</name></task><source>{}</source></meta>"
    known = ("hall", "door")
    for content, name in (
        (xml(meta.format("hall", "x.mp4") + TRACK), "a.xml"),
        (xml(meta.format("Task 7", "hall.mp4") + TRACK), "a.xml"),
        (xml(TRACK), "hall.xml"),
    ):
        assert read(tmp_path, content, known, name)[0].recording == "hall"
    assert read(tmp_path, xml(TRACK), ("door",))[0].recording == "door"
    with pytest.raises(
        DataError, match=r"belongs to none of the recordings door, hall; name the file like one"
    ):
        read(tmp_path, xml(TRACK), known)


def test_a_name_may_be_of_the_track(tmp_path):
    named = TRACK.replace("<box", '<attribute name="person">Anna</attribute><box')
    assert read(tmp_path, xml(named), ("hall",))[0].person == "Anna"


def test_other_labels_and_hidden_boxes_are_left_out(tmp_path):
    hidden = TRACK.replace('outside="0"', 'outside="1"')
    car = TRACK.replace("person", "car")
    assert read(tmp_path, xml(hidden + car + TRACK), ("hall",)) == [
        Annotation(AnnotatedImage("hall/000002.jpg", recording="hall", frame=2), (1, 2, 30, 80), 0)
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<annotations>", "not well-formed"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><annotations/>', "a document type"),
        (xml("", "annotation"), "the outermost element is 'annotation', expected 'annotations'"),
        (xml(TRACK.replace('frame="2"', "")), "lacks 'frame'"),
        (xml(TRACK.replace('"2"', '"two"', 1)), "'two' is not a whole number"),
        (xml(TRACK.replace("30", "nan")), "not a number of pixels"),
        (xml(TRACK.replace("30", "1")), "0 x 78 pixels"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(content, message, tmp_path):
    with pytest.raises(DataError, match=message) as refused:
        read(tmp_path, content)
    assert "\n" not in str(refused.value)


def test_crops_have_a_file_of_their_own(tmp_path):
    crop = Annotation(AnnotatedImage("c1/a.jpg", 50, 100), (0, 0, 50, 100), 4, "Anna", "k")
    assert [file.name for file in write_cvat([crop, box(1)], tmp_path)] == [CROPS, "hall.xml", LABELS]
    assert read_cvat(tmp_path / CROPS) == [crop]

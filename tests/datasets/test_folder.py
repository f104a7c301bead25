"""Files that are no image are counted by suffix."""

import os

import numpy as np
import pytest

from reseen.datasets import describe, detect, read_evaluation, read_training
from reseen.datasets.folder import describe_skipped, possible_crops, skipped_files, suggest_pattern
from reseen.errors import DataError, SettingsError
from reseen.tasks.data_check import check_data


def test_any_depth_any_case_hidden_files_left_out(make_images):
    root = make_images("b/c/1.JPEG", "a.png", "b/2.WebP", ".hidden/3.jpg", "b/.4.jpg")
    (root / "notes.txt").write_text("no image")
    table = read_training(root)
    assert table.paths == ("a.png", "b/2.WebP", "b/c/1.JPEG")
    assert table.cameras.tolist() == [-1, -1, -1]
    assert table.root.is_absolute()


def test_link_loops_end(make_images):
    root = make_images("a/1.png")
    (root / "a" / "again").symlink_to(root)
    (root / "itself").symlink_to("itself")
    (root / "broken.jpg").symlink_to("nowhere")
    assert read_training(root).paths == ("a/1.png",)


def test_names_that_are_no_text_are_read(make_images):
    root = make_images("1.png")
    (root / "1.png").rename(root / os.fsdecode(b"\xff.png"))
    table = read_training(root)
    assert len(table.fingerprint) == 64
    assert table.texts == ("\\xff.png",)
    assert table.path(0).is_file()


def test_market_names_in_a_bare_folder_give_cameras(make_images):
    root = make_images("0001_c2s1_1_1.jpg", "0001_c10s1_1_1.jpg")
    table = read_training(root)
    assert table.camera_names == ("c2", "c10")
    assert describe(table, detect(root)) == "Folder of images, 2 crops, 2 cameras from the paths"


def test_camera_by_sub_folder(make_images):
    root = make_images("door/1.jpg", "yard/x/2.jpg", "yard/3.jpg")
    table = read_training(root, pattern="{camera}/{*}")
    assert table.camera_names == ("door", "yard")
    assert table.cameras.tolist() == [0, 1, 1]


def test_camera_tracklet_and_time_by_file_name(make_images):
    root = make_images("x/gate_7_0.5.jpg", "x/hall_7_2024-05-01T12:00:00+00:00.jpg", "x/odd.jpg")
    table = read_training(root, pattern="{camera}_{tracklet}_{time}.JPG")
    assert table.cameras.tolist() == [0, 1, -1]
    assert table.tracklets.tolist() == [0, 1, -1], "the same tracklet name under two cameras is two tracklets"
    assert table.times[:2].tolist() == [0.5, 1714564800.0]
    assert np.isnan(table.times[2])
    assert "1 crops of unknown camera" in describe(table, detect(root))


def test_bad_time_is_named(make_images):
    with pytest.raises(DataError, match=r"a_noon.jpg: 'noon' is not a time"):
        read_training(make_images("a_noon.jpg"), pattern="{camera}_{time}.jpg")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{camra}/{*}", "no field '{camra}'; did you mean 'camera'"),
        ("{*}.jpg", "has no field"),
        ("{camera}{camera}", "occurs twice"),
        ("cam{camera}.png", r"matches none of 1 images; the first is '1.jpg'"),
    ],
)
def test_wrong_patterns(make_images, pattern, message):
    with pytest.raises(SettingsError, match=message):
        read_training(make_images("1.jpg"), pattern=pattern)


@pytest.mark.parametrize(
    ("paths", "pattern"),
    [
        (("a/1.jpg", "b/2.jpg"), "{camera}/{*}"),
        (("x_cam1_3.jpg", "x_cam2_3.jpg"), "{*}cam{camera}_{*}"),
        (("p/12_c1_9.jpg", "p/12_c2_9.jpg"), "{*}_c{camera}_{*}"),
        (("1.jpg", "2.jpg"), None),
        (("a/1.jpg", "a/2.jpg"), None),
    ],
)
def test_suggested_patterns(paths, pattern):
    assert suggest_pattern(paths) == pattern


def test_a_suggestion_is_said(make_images):
    root = make_images("a/1.jpg", "b/2.jpg")
    assert "no cameras; if the paths contain cameras, try the camera pattern '{camera}/{*}'" in describe(
        read_training(root), detect(root)
    )


def test_missing_empty_and_imageless_folders(tmp_path):
    with pytest.raises(DataError, match="no such folder or manifest"):
        read_training(tmp_path / "gone")
    with pytest.raises(DataError, match="the folder is empty"):
        read_training(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(DataError, match=r"contains 1 file but no image; images end in .jpg"):
        read_training(tmp_path)
    with pytest.raises(DataError, match=r"a manifest ends in .csv or .parquet"):
        read_training(tmp_path / "a.txt")


def test_unknown_layout_and_evaluation_without_identities(make_images):
    root = make_images("1.jpg")
    with pytest.raises(SettingsError, match="no layout 'floder'; did you mean 'folder'"):
        read_training(root, "floder")
    with pytest.raises(DataError, match="the identity of each crop is needed"):
        read_evaluation(root)


def test_files_are_counted_by_suffix(make_images):
    root = make_images("train/a/1.jpg", "train/b/2.jpg", "query/a/3.jpg", "gallery/a/4.jpg")
    for name in (
        "train/a/5.AVIF",
        "train/a/6.avif",
        "train/7.gif",
        "query/a/8.mp4",
        "notes.txt",
        "README",
        ".hidden",
    ):
        (root / name).write_bytes(b"x")
    (root / "train/b/9.jpg").symlink_to("nowhere.jpg")
    (root / "train/b/again.jpg").symlink_to("again.jpg")
    os.mkfifo(root / "train/b/pipe.jpg")
    counts = skipped_files(root)
    assert counts == {
        ".avif": 2, "broken links": 2, ".gif": 1, ".mp4": 1, ".txt": 1, "no suffix": 1, "special files": 1,
    }  # fmt: skip
    assert possible_crops(counts).keys() == {".avif", ".gif", ".mp4", "broken links", "special files"}
    assert describe_skipped({".avif": 2, "broken links": 1}) == "3 files passed over: 2 .avif, 1 broken link"
    assert "7 files passed over: 2 .avif, 2 broken links, 1 .gif, 1 .mp4, 1 special file" in describe(
        read_training(root), detect(root), root=root
    )
    report = check_data(root, progress=False)
    assert report.passed_over == counts
    found = next(finding for finding in report.findings if "passed over" in finding.text)
    assert found.verdict == "look"
    assert found.text.startswith("9 files passed over: 2 .avif")


def test_notes_beside_the_images_are_no_fault(make_images):
    root = make_images("1.jpg")
    assert check_data(root, progress=False).passed_over == {}
    (root / "Thumbs.db").write_bytes(b"x")
    report = check_data(root, progress=False)
    assert [finding.verdict for finding in report.findings if "1 .db" in finding.text] == ["fine"]
    assert "passed over" not in describe(read_training(root), detect(root), root=root)

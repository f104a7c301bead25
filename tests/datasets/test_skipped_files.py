"""Files that are no image are counted by suffix."""

import os

from reseen.datasets import describe, detect, read_training
from reseen.datasets.skipped_files import describe_skipped, possible_crops, skipped_files
from reseen.tasks.data_check import check_data


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

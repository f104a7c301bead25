import errno
import hashlib
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from reseen.errors import DataError, SettingsError, StorageError
from reseen.synthetic import crowd as crowd_module
from reseen.synthetic import draw_crowd

NAME = re.compile(r"(-1|\d{4})_c(\d{1,2})s1_(\d{6})_(\d\d)\.jpg")


def content(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def people_in(folder: Path) -> set[str]:
    return {NAME.fullmatch(path.name)[1] for path in folder.iterdir()}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    root = tmp_path_factory.mktemp("crowd") / "small"
    counts = draw_crowd(root, people=7, cameras=3, seed=5, images_per_camera=3, processes=1, progress=False)
    return root, counts


def test_layout_and_counts(small):
    root, counts = small
    assert {path.name for path in root.iterdir()} == {
        "bounding_box_train",
        "query",
        "bounding_box_test",
        "crowd.json",
    }
    assert (counts.train_people, counts.test_people, counts.cameras) == (4, 3, 3)
    assert counts.train_images == 4 * 3 * 3 == len(list((root / "bounding_box_train").iterdir()))
    assert counts.query_images == 3 * 3 == len(list((root / "query").iterdir()))
    found = 3 * 3 * 2
    assert counts.gallery_images == found + counts.distractors + counts.junk
    assert counts.gallery_images == len(list((root / "bounding_box_test").iterdir()))
    assert counts.images == len(list(root.rglob("*.jpg")))
    assert counts.distractors >= 1
    assert counts.junk >= 1


def test_names_are_those_of_market(small):
    root, _ = small
    for path in root.rglob("*.jpg"):
        match = NAME.fullmatch(path.name)
        assert match, path.name
        assert 1 <= int(match[2]) <= 3


def test_training_and_test_people_are_disjoint(small):
    root, _ = small
    train = people_in(root / "bounding_box_train")
    query = people_in(root / "query")
    gallery = people_in(root / "bounding_box_test")
    assert train == {"0001", "0002", "0003", "0004"}
    assert query == {"0005", "0006", "0007"}
    assert gallery == query | {"0000", "-1"}


def test_one_query_for_each_person_and_camera(small):
    root, _ = small
    seen = [NAME.fullmatch(path.name).group(1, 2) for path in (root / "query").iterdir()]
    assert len(seen) == len(set(seen)) == 3 * 3


def test_size_and_format(small):
    root, _ = small
    with Image.open(next((root / "query").iterdir())) as image:
        assert (image.size, image.format, image.mode) == ((64, 128), "JPEG", "RGB")


def test_other_sizes(tmp_path):
    root = tmp_path / "tall"
    draw_crowd(root, 2, 2, height=96, width=40, images_per_camera=2, processes=1, progress=False)
    for path in root.rglob("*.jpg"):
        with Image.open(path) as image:
            assert image.size == (40, 96)


def test_processes_change_no_byte(small, tmp_path):
    root, counts = small
    again = draw_crowd(tmp_path / "again", 7, 3, seed=5, images_per_camera=3, processes=3, progress=False)
    assert again == counts
    assert content(tmp_path / "again") == content(root)


def test_seed_changes_every_image(small, tmp_path):
    root, _ = small
    draw_crowd(tmp_path / "other", 7, 3, seed=6, images_per_camera=3, processes=1, progress=False)
    ours, theirs = content(root), content(tmp_path / "other")
    shared = [name for name in ours if name in theirs and name.endswith(".jpg")]
    assert len(shared) > 50
    assert all(ours[name] != theirs[name] for name in shared)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"people": 0}, "people must be between 1 and 9999"),
        ({"people": 10_000}, "people must be between 1 and 9999"),
        ({"cameras": 0}, "cameras must be between 1 and 99"),
        ({"cameras": 100}, "found 100"),
        ({"seed": -1}, "seed must be between 0"),
        ({"images_per_camera": 1}, "one query"),
        ({"height": 8}, "height must be between 32 and 1024"),
        ({"width": 5000}, "width must be between 16 and 1024"),
        ({"share_train": 1.5}, "share_train must be between 0.0 and 1.0"),
        ({"share_train": float("nan")}, "found nan"),
        ({"processes": 0}, "processes must be between 1"),
    ],
)
def test_bad_settings(tmp_path, settings, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        draw_crowd(tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("share", "train", "test"), [(0.0, 0, 1), (1.0, 1, 0)])
def test_one_person_one_camera(tmp_path, share, train, test):
    root = tmp_path / "one"
    counts = draw_crowd(root, 1, 1, share_train=share, images_per_camera=2, progress=False)
    assert (counts.train_images, counts.query_images) == (2 * train, test)
    assert (counts.gallery_images > 0) == bool(test)


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match=r"thesis\.txt"):
        draw_crowd(tmp_path, 1, 1)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_crowd_with_something_else_in_it_is_left_alone(tmp_path):
    root = tmp_path / "crowd"
    draw_crowd(root, 1, 1, progress=False)
    (root / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"notes\.txt"):
        draw_crowd(root, 1, 1)
    assert (root / "notes.txt").exists()


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(DataError, match="found a file"):
        draw_crowd(tmp_path / "out", 1, 1)


def test_an_empty_folder_is_filled_and_a_crowd_is_replaced(tmp_path):
    root = tmp_path / "crowd"
    root.mkdir()
    draw_crowd(root, 2, 2, progress=False)
    draw_crowd(root, 3, 1, progress=False)
    assert json.loads((root / "crowd.json").read_text())["people"] == 3
    assert people_in(root / "bounding_box_train") | people_in(root / "query") == {"0001", "0002", "0003"}
    assert [path.name for path in tmp_path.iterdir()] == ["crowd"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_stopped_run_leaves_nothing(tmp_path, monkeypatch, stop):
    def draw_and_stop(folder, *_):
        (folder / "query" / "half.jpg").write_bytes(b"half")
        raise stop

    monkeypatch.setattr(crowd_module, "_draw", draw_and_stop)
    wanted = StorageError if isinstance(stop, OSError) else KeyboardInterrupt
    with pytest.raises(wanted, match="No space left" if isinstance(stop, OSError) else None):
        draw_crowd(tmp_path / "out", 1, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_an_unwritable_place(tmp_path, processes):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file: cannot be written"):
        draw_crowd(tmp_path / "file" / "out", 4, 2, processes=processes)


def test_an_error_in_a_process_arrives_here(tmp_path, monkeypatch):
    start_over = crowd_module._make_empty

    def start_with_a_hole(drawing):
        start_over(drawing)
        (drawing / "query").rmdir()

    monkeypatch.setattr(crowd_module, "_make_empty", start_with_a_hole)
    with pytest.raises(StorageError, match="No such file or directory"):
        draw_crowd(tmp_path / "out", 4, 2, processes=2, progress=False)
    assert list(tmp_path.iterdir()) == []

import json
import struct
import zlib

import pytest

CROPS = [f"{index:02d}.jpg" for index in range(24)]


@pytest.fixture
def train(fault, train_flags, tmp_path):
    """A function from a data folder (and flags) to the message that training on it fails with."""
    return lambda data, *more: fault(*train_flags(data, tmp_path / "run", *more))


def write_bomb(path):
    """A PNG of a hundred bytes whose header claims 60,000 x 60,000 pixels."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def test_missing_empty_and_without_images(train, tmp_path):
    assert f"{tmp_path}/nowhere: no such folder or manifest" in train(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "the folder is empty" in train(tmp_path / "empty")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("hello")
    assert "contains 1 file but no image" in train(tmp_path / "texts")
    assert "neither a folder nor a manifest" in train(tmp_path / "texts" / "notes.txt")
    assert not (tmp_path / "run").exists()


def test_one_corrupt_jpeg_is_left_out_said_and_listed(reseen_says, train_flags, make_images, tmp_path):
    data = make_images(*CROPS)
    whole = (data / "03.jpg").read_bytes()
    (data / "03.jpg").write_bytes(whole[: len(whole) // 3])
    arguments = [item for item in train_flags(data, tmp_path / "run") if item != "--quiet"]
    code, _, err = reseen_says(*arguments)
    assert code == 0, err
    assert "1 unreadable skipped" in err
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert len(facts["unreadable"]) == 1
    assert facts["unreadable"][0].startswith("03.jpg")
    assert facts["images"] == len(CROPS) - 1


def test_an_image_bomb_costs_nothing_and_is_left_out(reseen_says, train_flags, make_images, tmp_path):
    data = make_images(*CROPS)
    write_bomb(data / "bomb.png")
    code, _, err = reseen_says(*train_flags(data, tmp_path / "run"))
    assert code == 0, err
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["unreadable"] == ["bomb.png: more than 50,000,000 pixels"]


def test_all_corrupt_and_too_many_corrupt(train, make_images):
    data = make_images(*CROPS)
    for name in CROPS[:6]:
        (data / name).write_bytes(b"\xff\xd8\xffno picture")
    message = train(data)
    assert "6 of 24 images (25.0%) are unreadable" in message
    assert "--data.unreadable-share 0.25" in message
    for name in CROPS:
        (data / name).write_bytes(b"\xff\xd8\xffno picture")
    assert "none of 24 images can be read: 00.jpg" in train(data)


def test_only_a_bomb(train, tmp_path):
    (tmp_path / "bombs").mkdir()
    write_bomb(tmp_path / "bombs" / "1.png")
    assert "none of 1 images can be read: 1.png: more than 50,000,000 pixels" in train(tmp_path / "bombs")


def test_fewer_crops_than_one_batch(train, make_images):
    message = train(make_images(*CROPS[:10]))
    assert "10 crops are fewer than one batch of 16" in message
    assert "lower method.sampler.clusters_per_batch" in message


def test_crops_that_are_all_the_same(train, make_images):
    data = make_images(*CROPS)
    for name in CROPS:
        (data / name).write_bytes((data / CROPS[0]).read_bytes())
    message = train(data)  # rounding decides whether they are all the mean, which is zero, or all near it
    assert "expected at least two clusters of 24 images" in message or "24 of 24 crops are zero" in message


def test_a_manifest_that_points_nowhere(train, tmp_path):
    manifest = tmp_path / "crops.csv"
    manifest.write_text("path\n" + "".join(f"gone/{name}\n" for name in CROPS))
    assert "gone/" in train(manifest)
    manifest.write_text("file,who\na.jpg,1\n")
    assert "needs a column 'path', found file" in train(manifest)
    manifest.write_bytes(b"\x00\xff\xfe")
    assert "crops.csv" in train(manifest)


def test_a_camera_pattern_that_fits_nothing(train, make_images):
    assert "{camera}" in train(make_images(*CROPS), "--data.camera-pattern", "{camera}/{*}")


def test_evaluation_needs_query_and_gallery(fault, trained, make_images, crowd, tmp_path):
    bare = make_images(*CROPS)
    assert "the identity of each crop is needed" in fault("evaluate", trained, "--quiet", "--data", bare)
    assert "no such folder" in fault("evaluate", trained, "--quiet", "--data", tmp_path / "nowhere")
    half = tmp_path / "half"
    half.mkdir()
    (half / "bounding_box_train").symlink_to(crowd / "bounding_box_train")
    assert "no folder query" in fault("evaluate", trained, "--quiet", "--data", half)

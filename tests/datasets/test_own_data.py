"""Animals and shards: layouts for people's own data."""

import json
import shutil

import numpy as np
import pytest
from tests.datasets.trees import jpeg, plant, tar

import reseen
from reseen.data.decode import decode
from reseen.data.pixels import open_pixels
from reseen.datasets import Layout, detect, read_evaluation, read_splits, read_training
from reseen.errors import DataError
from reseen.tasks.data_check import check_data


@pytest.mark.parametrize("layout", [None, "animals"])
def test_animals_by_folders(make_images, layout):
    root = make_images("train/turtle10/a.jpg", "train/turtle2/b.png", "query/0/c.jpg", "gallery/0/d.jpg")
    make_images("gallery/turtle9/e.jpg")
    splits = read_splits(root, layout)
    assert splits["query"].identities.tolist() == [1], "an animal that is called 0 is no distractor"
    assert splits["gallery"].identities.tolist() == [1, 3]
    assert splits["train"].identities.tolist() == [4, 2], "turtle2 comes before turtle9 and turtle10"
    assert not read_training(root, layout).has_cameras


def test_animals_that_are_asked_for_lie_one_folder_deep(make_images):
    root = make_images("query/0/c.jpg", "gallery/turtle9/deep/e.jpg")
    with pytest.raises(DataError, match=r"turtle9/deep/e.jpg is more than one folder deep"):
        read_evaluation(root, "animals")
    with pytest.raises(DataError, match="contains gallery, query but no train folder"):
        read_training(root, "animals")


def test_animals_that_are_not_split_can_be_learned_from_alone(make_images):
    root = make_images("turtle1/a.jpg", "turtle2/b.jpg")
    assert detect(root) is Layout.FOLDER, "folders may be cameras just as well"
    assert len(read_training(root, "animals")) == 2
    assert read_splits(root, "animals")["train"].identities.tolist() == [1, 2]
    with pytest.raises(DataError, match="no folder query; for evaluation, query and gallery each contain"):
        read_evaluation(root, "animals")


METADATA = (
    "image_id,identity,path,split,camera,species\n"
    "1,ann,images/a.jpg,train,north,turtle\n"
    "2,bob,images/b.jpg,train,,turtle\n"
    "3,ann,images/c.jpg,test,south,turtle\n"
)


@pytest.fixture
def collection(make_images):
    root = make_images("images/a.jpg", "images/b.jpg", "images/c.jpg")
    (root / "metadata.csv").write_text(METADATA)
    return root


def test_animals_by_metadata(collection):
    assert detect(collection) is Layout.ANIMALS
    table = read_training(collection)
    assert table.paths == ("images/a.jpg", "images/b.jpg")
    assert (table.camera_names, table.cameras.tolist()) == (("north",), [0, -1])
    query, gallery = read_evaluation(collection)
    assert (query.identities.tolist(), gallery.identities.tolist()) == ([1], [1, 2])
    (collection / "metadata.csv").write_text(METADATA.replace("train", "database").replace("test", "query"))
    assert read_evaluation(collection)[1].images.paths == table.paths


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("3,ann,", "3,,", "1 of 1 crops of split 'query' have no identity"),
        (",test,", ",train,", "no row of split 'query' among 3 rows"),
        ("images/c.jpg", "images/z.jpg", "1 of 1 files of metadata.csv do not exist"),
    ],
)
def test_bad_metadata(collection, old, new, message):
    (collection / "metadata.csv").write_text(METADATA.replace(old, new))
    with pytest.raises(DataError, match=message):
        read_evaluation(collection)


def test_metadata_without_splits(collection):
    lines = [line.split(",") for line in METADATA.splitlines()]
    (collection / "metadata.csv").write_text("".join(",".join(line[:3]) + "\n" for line in lines))
    assert len(read_training(collection)) == 3
    with pytest.raises(DataError, match="evaluation needs a column 'split'"):
        read_evaluation(collection)
    (collection / "metadata.csv").write_text("path\n")
    with pytest.raises(DataError, match="expected the columns path and identity, found no row"):
        read_training(collection, "animals")


def test_shards_are_read_in_place(tmp_path):
    root = plant(tmp_path, Layout.SHARDS)
    table = read_training(root)
    assert table.paths == ("shard-000000.tar::a/0001.jpg", "shard-000000.tar::a/0002.jpg")
    assert (table.camera_names, table.cameras.tolist()) == (("gate", "hall"), [0, 1])
    assert table.tracklets.tolist() == [0, -1]
    assert table.times[0] == 1.5
    assert [table.source(row).read() for row in range(2)] == [jpeg("a/0001"), jpeg("a/0002")]
    query, gallery = read_evaluation(root)
    assert (query.identities.tolist(), gallery.identities.tolist()) == ([1], [1])
    assert query.images.select([0]).source(0) == query.images.source(0)


def test_one_shard_by_itself(tmp_path):
    root = plant(tmp_path, Layout.SHARDS)
    table = read_training(root / "shard-000000.tar")
    assert table.root == root.resolve()
    assert len(table) == 2


def test_pixels_of_shards_are_those_of_the_files(tmp_path):
    table = read_training(plant(tmp_path, Layout.SHARDS))
    for gigabytes in (20, 0):
        store = open_pixels(table, 32, 16, cap_gigabytes=gigabytes, progress=False)
        images = store.images(reseen.records.to_index_tensor(np.arange(2)))
        assert np.array_equal(images[1].permute(1, 2, 0).numpy(), decode(jpeg("a/0002")))


def test_a_shard_that_changed_is_decoded_anew_and_a_shorter_one_is_unreadable(tmp_path):
    root = plant(tmp_path, Layout.SHARDS)
    table = read_training(root)
    before = table.fingerprint
    shard = root / "shard-000000.tar"
    shard.write_bytes(tar({"a/0001.jpg": jpeg("other"), "a/0002.jpg": jpeg("more")}))
    assert read_training(root).fingerprint != before
    shard.write_bytes(shard.read_bytes()[:600])
    with pytest.raises(reseen.ReseenError, match="the shard is shorter than it was"):
        open_pixels(table, 32, 16, progress=False)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.txt": b"x"}, "1 shards but no image"),
        ({"a.jpg": b"x", "a.json": b"{"}, "a.json is not valid JSON"),
        ({"a.jpg": b"x", "a.json": b"[]"}, "a.json is not a JSON object"),
        ({"a.jpg": b"x", "a.json": b'{"split": "trian"}'}, "split is 'trian'; did you mean 'train'"),
        ({"a.jpg": b"x", "a.json": b'{"split": "query"}'}, "no image of split 'train'"),
        ({"a.jpg": b"x", "a.json": b'{"time": "noon"}'}, "'noon' is not a time"),
        ({"a.jpg": b"x", "a.png": b"x"}, "a second image of the sample a"),
    ],
)
def test_bad_shards(tmp_path, files, message):
    (tmp_path / "s.tar").write_bytes(tar(files))
    with pytest.raises(DataError, match=message):
        read_training(tmp_path)


def test_masks_beside_crops_are_no_crops(tmp_path):
    files = {
        "b.mask.png": b"x",
        "b.jpg": jpeg("b"),
        "c/a.jpg": jpeg("a"),
        "c/a.mask.png": b"x",
        "d.jpg.jpg": jpeg("d"),
    }
    (tmp_path / "s.tar").write_bytes(tar(files))
    assert read_training(tmp_path).paths == ("s.tar::b.jpg", "s.tar::c/a.jpg", "s.tar::d.jpg.jpg")


def test_damaged_and_compressed_shards(tmp_path):
    (tmp_path / "s.tar").write_bytes(b"no archive" * 100)
    with pytest.raises(DataError, match=r"s.tar: cannot be read as a shard"):
        read_training(tmp_path)
    (tmp_path / "s.tar").rename(tmp_path / "s.tar.gz")
    with pytest.raises(DataError, match="compressed shards have no random access"):
        read_training(tmp_path)


def test_shards_without_identities_are_checked_but_not_scored(tmp_path):
    (tmp_path / "s.tar").write_bytes(tar({"a.jpg": jpeg("a"), "b.jpg": jpeg("b"), "c.jpg": b"broken"}))
    report = check_data(tmp_path, progress=False)
    assert report.splits["train"].people is None
    assert report.splits["train"].unreadable == {"s.tar::c.jpg": "not an image"}
    with pytest.raises(DataError, match="no image of split 'query'"):
        read_evaluation(tmp_path)
    some = {"a.jpg": jpeg("a"), "a.json": json.dumps({"split": "query"}).encode(), "b.jpg": jpeg("b")}
    (tmp_path / "s.tar").write_bytes(tar(some | {"b.json": b'{"split": "gallery", "identity": 4}'}))
    with pytest.raises(DataError, match=r"1 images have no identity, the first is s.tar::a.jpg"):
        read_evaluation(tmp_path)


def test_identities_in_shards_do_not_reach_the_training_table(tmp_path):
    images = {f"{name}.jpg": jpeg(name) for name in "ab"}
    tables = []
    for folder, people in (("one", ("x", "y")), ("two", ("x", "x"))):
        pairs = zip("ab", people, strict=True)
        said = {f"{name}.json": json.dumps({"camera": 1, "identity": who}).encode() for name, who in pairs}
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "s.tar").write_bytes(tar(images | said))
        tables.append(read_training(tmp_path / folder))
    assert tables[0].paths == tables[1].paths
    assert tables[0].fingerprint == tables[1].fingerprint


def test_a_run_learns_from_shards_and_embeds_them(tmp_path, crowd, tiny_flags):
    """The same crops as files and as a shard give the same vectors."""
    source = crowd / "bounding_box_train"
    files = {path.name: path.read_bytes() for path in sorted(source.iterdir())}
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards/s.tar").write_bytes(tar(files))
    shutil.copytree(source, tmp_path / "folder")
    recipe = reseen.load_recipe("cluster-contrast", [*tiny_flags, "--cameras", "false"])
    vectors = []
    for name in ("folder", "shards"):
        run = reseen.train(recipe, tmp_path / name, tmp_path / f"run-{name}", quiet=True)
        out = tmp_path / f"{name}.parquet"
        reseen.embed(run, tmp_path / name, out, quiet=True)
        from reseen.features.vector_file import match_table, read_vectors

        read = read_vectors(out)
        vectors.append(read.features.numpy)
        table, note = match_table(read, tmp_path / name)
        assert note == ""
        assert decode(table.source(5).read()).shape == (64, 32, 3)
    assert np.array_equal(*vectors)


def test_shards_that_are_called_query_or_test_are_not_trained_on(tmp_path):
    for name in ("train-0", "query-0", "gallery-0", "val_0", "test0"):
        (tmp_path / f"{name}.tar").write_bytes(tar({f"{name}.jpg": jpeg(name)}))
    assert read_training(tmp_path).paths == ("train-0.tar::train-0.jpg",)
    report = check_data(tmp_path, progress=False)
    assert {name: split.images for name, split in report.splits.items()} == dict.fromkeys(
        ("train", "query", "gallery"), 1
    )
    assert len(read_training(tmp_path / "query-0.tar")) == 1, "alone it can be embedded"


def test_a_manifest_over_train_and_query_without_a_split_is_refused(make_images):
    root = make_images("train/a.jpg", "query/b.jpg")
    (root / "m.csv").write_text("path\ntrain/a.jpg\nquery/b.jpg\n")
    with pytest.raises(
        DataError, match=r"no column 'split', but its paths are in query and train.*add the column"
    ):
        read_training(root / "m.csv")
    (root / "m.csv").write_text("path\nquery/b.jpg\n")
    assert len(read_training(root / "m.csv")) == 1, "a list of queries alone can be embedded"

import pyarrow as pa
import pytest
from pyarrow import parquet

from reseen.datasets import Layout, detect, read_evaluation, read_training
from reseen.errors import DataError, SettingsError

HEADER = "path,camera,tracklet,time,identity,split\n"
ROWS = (
    "b.jpg,gate,t1,2.5,bob,train\n"
    "a.jpg,gate,t1,,ann,train\n"
    "q.jpg,hall,,,ann,query\n"
    "z.jpg,gate,,,bob,gallery\n"
    "g.jpg,roof,,,ann,gallery\n"
    "j.jpg,roof,,,-1,gallery\n"
)
NAMES = ("a.jpg", "b.jpg", "q.jpg", "z.jpg", "g.jpg", "j.jpg")


def manifest(make_images, text, names=NAMES):
    path = make_images(*names) / "manifest.csv"
    path.write_text(text)
    return path


def test_training_rows_are_those_of_the_split_sorted(make_images):
    path = manifest(make_images, HEADER + ROWS)
    table = read_training(path)
    assert detect(path) is Layout.MANIFEST
    assert table.paths == ("a.jpg", "b.jpg")
    assert (table.camera_names, table.cameras.tolist()) == (("gate",), [0, 0])
    assert table.tracklets.tolist() == [0, 0]
    assert table.times[1] == 2.5


def test_without_split_all_rows_train(make_images):
    table = read_training(manifest(make_images, "path,camera\nb.jpg,\na.jpg,001\n"))
    assert table.paths == ("a.jpg", "b.jpg")
    assert (table.camera_names, table.cameras.tolist()) == (("c1",), [0, -1])
    assert table.tracklets is None


def test_evaluation_numbers_people_and_cameras_alike(make_images):
    query, gallery = read_evaluation(manifest(make_images, HEADER + ROWS))
    assert query.identities.tolist() == [1]  # 0 would be a distractor
    assert gallery.images.paths == ("g.jpg", "z.jpg"), "identity -1 is left out"
    assert gallery.identities.tolist() == [1, 2]
    assert query.images.camera_names == gallery.images.camera_names == ("gate", "hall", "roof")
    assert gallery.images.cameras.tolist() == [2, 0]


def test_whole_numbers_stay_identities(make_images):
    text = HEADER + ROWS.replace("ann", "0017").replace("bob", "0")
    assert read_evaluation(manifest(make_images, text))[1].identities.tolist() == [17, 0]
    assert read_evaluation(manifest(make_images, text), distractors="none")[1].identities.tolist() == [18, 1]


def test_parquet(make_images):
    root = make_images(*NAMES)
    columns = {
        "path": ["q.jpg", "g.jpg"],
        "split": ["query", "gallery"],
        "identity": [5, 5],
        "time": [1, None],
    }
    parquet.write_table(pa.table(columns), root / "m.parquet")
    query, gallery = read_evaluation(root / "m.parquet")
    assert (query.identities.tolist(), gallery.identities.tolist()) == ([5], [5])
    assert query.images.times.tolist() == [1.0]


def test_absolute_paths(make_images, tmp_path):
    root = make_images("a.jpg")
    (tmp_path / "m.csv").write_text(f"path\n{root / 'a.jpg'}\n")
    assert read_training(tmp_path / "m.csv").path(0) == root / "a.jpg"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,camra\na.jpg,1\n", "unknown column 'camra'; did you mean 'camera'"),
        ("file\na.jpg\n", "needs a column 'path', found file"),
        ("camera\n1\n", "needs a column 'path', found camera"),
        ("path,path\na.jpg,a.jpg\n", "duplicate columns"),
        ("path\na.jpg\na.jpg\n", "row 2: a.jpg is listed twice"),
        ("path,camera\n,1\n", "row 1: no path"),
        ("path\nx.jpg\na.jpg\ny.jpg\n", r"2 of 3 files do not exist: x.jpg, y.jpg; paths are relative to"),
        ("path,split\na.jpg,trian\n", "row 1: split is 'trian'; did you mean 'train'"),
        ("path,split\na.jpg,query\n", "no row of split 'train' among 1 rows"),
        ("path,time\na.jpg,noon\n", "column 'time' must contain seconds, Unix times or dates"),
        ("", "cannot be read as a manifest"),
        ('path\n"a.jpg\n', "cannot be read as a manifest|do not exist"),
    ],
)
def test_what_is_wrong_is_named(make_images, text, message):
    path = manifest(make_images, text)
    with pytest.raises(DataError, match=message) as error:
        read_training(path)
    assert str(path) in str(error.value)


def test_binary_file_is_no_manifest(tmp_path):
    for name in ("m.csv", "m.parquet"):
        (tmp_path / name).write_bytes(bytes(range(256)))
        with pytest.raises(DataError, match=name):
            read_training(tmp_path / name)


def test_evaluation_needs_its_columns(make_images):
    path = manifest(make_images, "path\na.jpg\n")
    with pytest.raises(DataError, match="needs a column 'identity', found path"):
        read_evaluation(path)
    path.write_text("path,identity\na.jpg,1\n")
    with pytest.raises(DataError, match="needs a column 'split'"):
        read_evaluation(path)
    path.write_text("path,identity,split\na.jpg,,query\nb.jpg,1,gallery\n")
    with pytest.raises(DataError, match="1 rows have no identity; write -1"):
        read_evaluation(path)


def test_patterns_are_for_folders(make_images):
    with pytest.raises(SettingsError, match="patterns are for folders of your own"):
        read_training(manifest(make_images, "path\na.jpg\n"), pattern="{camera}/{*}")

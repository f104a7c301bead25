"""`reseen people` and people in `reseen index`, `forget` and `search`, on the command line."""

import csv
import json

import numpy as np
import pytest
from tests.gallery.people.conftest import DIMENSION, crops_of

import reseen
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.edits.journal import edits_file
from reseen.gallery.entries import Entries
from reseen.gallery.stores.edge import EdgeStore


@pytest.fixture
def gallery(tmp_path, monkeypatch):
    """A folder with three people of eight crops, each a cluster, and the model of a run that is not there."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    model = ModelIdentity("f" * 64, DIMENSION, "cluster-contrast", "resnet18", 64, 32, str(tmp_path / "run"))
    with EdgeStore(tmp_path / "gallery", model, create=True) as store:
        for who in range(3):
            store.add(crops_of(who, 8, cluster=who))
    return tmp_path / "gallery"


@pytest.fixture
def says(reseen_says, gallery):
    """A function that runs `reseen people COMMAND GALLERY ...`; returns what it printed, and fails if it fails."""

    def run(command, *words, fails=False):
        code, out, err = reseen_says("people", command, gallery, *words)
        assert (code == 2) is fails, (code, out, err)
        return err if fails else out

    return run


def test_people_are_made_named_listed_and_shown(says):
    assert "No people yet" in says("list")
    out = says("update")
    assert "new: 3 people with 24 crops" in out
    assert "nothing is assigned by similarity" in out
    assert "`reseen people undo" in out
    assert "Person 2 is Anna" in says("rename", "2", "Anna")
    (line,) = [line for line in says("list").splitlines() if "Anna" in line]
    assert line.split()[:3] == ["2", "Anna", "8"]
    facts = json.loads(says("list", "--json"))
    assert [(one["person"], one["name"], one["size"]) for one in facts] == [
        (2, "Anna", 8),
        (1, None, 8),
        (3, None, 8),
    ]
    assert len(json.loads(says("list", "--json", "--named"))) == 1
    shown = says("show", "anna")
    assert "Anna, number 2: 8 crops in 2 sightings, c1" in shown
    assert len(json.loads(says("show", "2", "--json"))["crops"]) == 8


def test_edits_and_their_undo(says):
    says("update")
    assert "person 2 was merged into person 1: 8 crops" in says("merge", "1", "2")
    assert "Undone: merged person 2 into 1" in says("undo")
    assert "Clara was split off person 1: 4 crops" in says("split", "1", "--tracklet", "1", "--name", "Clara")
    assert "1 crop moved from person 2 to Clara" in says("move", "clara", "--image", "1/0003.jpg")
    assert "is new" not in says("move", "new", "--image", "2/0003.jpg")
    assert "marked 1 crop as not person 3" in says("reject", "3", "--image", "2/0004.jpg")
    for words in (
        "not person 3",
        "made 1 crop person 5",
        "moved 1 crop to person 4",
        "made 4 crops person 4",
    ):
        assert words in says("undo")
    assert "Done again: made 4 crops person 4" in says("redo")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("show", "Nobody"), "nobody is named 'Nobody'"),
        (("show", "77"), "there is no person 77"),
        (("rename", "1", "12"), "a number is an id"),
        (("merge", "1"), "two people"),
        (("split", "1"), "choose crops by --image"),
        (
            ("split", "1", "--image", "1/0000.jpg"),
            "no crop of person 1 in this gallery has the image 1/0000.jpg",
        ),
        (("redo",), "no edit to redo"),
        (("update", "--same-from", "2"), "--same-from 2.0: must be a cosine"),
        (("cameras", "cameras.yaml"), "no two cameras have 10 walks"),
        (("export", "people.doc"), ".csv, .parquet, .json or .html"),
    ],
)
def test_faults_are_one_line_and_lose_nothing(says, gallery, words, problem):
    says("update")
    before = edits_file(str(gallery)).read_text()
    err = says(*words, fails=True)
    assert problem in err
    assert len(err.strip().splitlines()) == 1
    assert edits_file(str(gallery)).read_text() == before


def test_a_camera_graph_with_unknown_cameras_is_one_line(says, tmp_path):
    says("update")
    file = tmp_path / "cameras.yaml"
    file.write_text("neighbors: [{cameras: [c0, c7], seconds: [1, 2]}]")
    err = says("update", "--camera-graph", file, fails=True)
    assert "cameras.yaml: no camera 'c7' in this gallery; did you mean c" in err


def test_a_cut_off_journal_is_reported_once_and_kept(reseen_says, says, gallery):
    says("update")
    says("rename", "1", "Anna")
    with edits_file(str(gallery)).open("ab") as file:
        file.write(b'{"edit":{"kind":"person-na')
    code, out, err = reseen_says("people", "show", gallery, "Anna")
    assert code == 0
    assert "Anna, number 1" in out
    assert "the last line was cut off" in err
    assert "cut off" not in reseen_says("people", "show", gallery, "Anna")[2]


def test_people_are_exported(says, tmp_path):
    says("update")
    says("rename", "1", "Anna")
    assert "3 people with 24 crops" in says("export", tmp_path / "p.csv")
    assert len(list(csv.DictReader((tmp_path / "p.csv").open()))) == 24
    assert "1 person with 8 crops" in says("export", tmp_path / "p.json", "--person", "anna")
    says("export", tmp_path / "p.html", "--named")
    assert "Anna" in (tmp_path / "p.html").read_text()


def test_forgetting_the_last_crop_of_a_person_takes_the_name(reseen_says, says, gallery, tmp_path):
    says("update")
    says("rename", "1", "Anna")
    says("export", tmp_path / "p.html")
    code, out, _ = reseen_says("forget", gallery, "--person", "anna", "--yes", "--page", tmp_path / "f.html")
    assert code == 0
    assert "verified" in out
    assert str(tmp_path / "p.html") in out, "a page that names them is the user's to delete"
    assert "Anna" not in edits_file(str(gallery)).read_text()
    assert "there is no person 1 any more" in says("show", "1", fails=True)
    assert "nobody is named 'Anna'" in says("show", "Anna", fails=True)
    assert len(json.loads(says("list", "--json"))) == 2


def test_people_move_to_the_gallery_of_another_model(reseen_says, says, gallery, tmp_path):
    says("update")
    says("rename", "1", "Anna")
    model = ModelIdentity("e" * 64, 4, "cluster-contrast", "resnet18", 64, 32, str(tmp_path / "other"))
    new = tmp_path / "new"
    with EdgeStore(new, model, create=True) as store:
        for who in range(2):
            entries = crops_of(who, 8, cluster=7 - who).entries
            store.add(Entries(entries, np.eye(4, dtype=np.float32)[[who] * 8]))
    code, out, _ = reseen_says("people", "adopt", new, gallery)
    assert code == 0
    assert "2 people with 16 crops taken over" in out
    assert "left out: 3" in out
    assert f"next: reseen people update {new} --dry-run" in out
    assert "Anna" in reseen_says("people", "show", new, "1")[1]
    assert reseen_says("people", "adopt", new, gallery)[0] == 2
    assert reseen_says("people", "adopt", new, new)[0] == 2


def test_new_tracklets_are_assigned_when_they_are_indexed(reseen_says, untrained_run, crowd, tmp_path):
    """The first half of a crowd is indexed in clusters of true people and named; then the rest comes."""
    table = reseen.read_training(crowd)
    who = [path.rpartition("/")[2][:4] for path in table.texts]
    people = sorted(set(who))
    half = [path for path, name in zip(table.texts, who, strict=True) if name in people[: len(people) // 2]]
    with (tmp_path / "clusters.csv").open("w") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "cluster"])
        rows.writerows([path, people.index(path.rpartition("/")[2][:4])] for path in half[::2])
    gallery, words = tmp_path / "gallery", ("index", untrained_run.folder, "--data", crowd, "--quiet")
    camera = table.camera_names[0]
    code, out, _ = reseen_says(
        *words, "--gallery", gallery, "--clusters", tmp_path / "clusters.csv", "--camera", camera
    )
    assert code == 0
    assert "People" not in out, "a gallery without people is only indexed"
    reseen_says("people", "update", gallery)
    reseen_says("people", "rename", gallery, "1", "Anna")
    code, out, err = reseen_says(*words, "--gallery", gallery, "--same-from", "0.2", "--new-below", "0.1")
    assert (code, err) == (0, "")
    assert "People: " in out
    assert "given similarities: assigned from 0.2, new below 0.1" in out
    with reseen.open_gallery(gallery) as opened:
        assert opened.people.find("Anna").size > 1
        nobody = [key for key in opened.people.collection.keys if opened.people.person_of(key) is None]
        assert set(nobody) == set(opened.people.state.questions)
    again = reseen_says(*words, "--gallery", gallery, "--same-from", "0.2", "--new-below", "0.1")[1]
    assert "People: nothing changed" in again
    assert "People" not in reseen_says(*words, "--gallery", gallery, "--no-people")[1]

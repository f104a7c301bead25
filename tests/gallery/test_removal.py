"""Every place that was recorded is cleaned and read again; what a crash interrupts is finished at the next opening."""

import json
import os

import numpy as np
import pytest
from tests.gallery.conftest import draw

from reseen.audit.answers import Answer, read_answers, write_answers
from reseen.data import pixel_cache as cache
from reseen.errors import GalleryError
from reseen.features.feature_entries import BATCH_SUFFIX, feature_folder
from reseen.gallery import removal as removal_module
from reseen.gallery.copies import NAME, record_copy, record_page, recorded_copies
from reseen.gallery.deletion_log import (
    Deletion,
    append_deletion,
    deletion_log_file,
    read_deletion_log,
    unverified_deletions,
)
from reseen.gallery.edits.edit import Edit
from reseen.gallery.edits.journal import Journal, edits_file
from reseen.gallery.edits.people_change import Decision, PeopleChange
from reseen.gallery.filter import Filter
from reseen.gallery.gallery import open_gallery
from reseen.gallery.removal import PENDING, Removal, find_copies, finish_removals, remove
from reseen.gallery.side_files import side_file
from reseen.gallery.stores.edge import EdgeStore
from reseen.gallery.stores.in_memory import MemoryStore


@pytest.fixture
def address(tmp_path, monkeypatch):
    """Nothing of other tests is recorded."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("RESEEN_CACHE", str(tmp_path / "cache"))
    return str(tmp_path / "gallery")


@pytest.fixture
def store(model):
    store = MemoryStore(model)
    store.add(draw(20))
    return store


def decoded(folder, name, root, whole=True):
    """Decoded pixels in a cache folder, or what a killed process left of them."""

    def fill(place):
        np.save(place / cache.PIXELS_FILE, np.zeros(3))
        if not whole:
            raise KeyboardInterrupt
        return {"root": root, "problems": {}}

    return cache.create_entry(cache.cache_folder(folder), name, fill, [root])


def embedded(folder, name, root):
    """Features in the cache beside the decoded crops."""

    def fill(place):
        (place / f"0{BATCH_SUFFIX}").write_bytes(b"features")
        return {"root": root, "problems": {}}

    return cache.create_entry(feature_folder(folder), name, fill, [root])


def removal_of(store, count=3):
    entries = [entry for part in store.scan() for entry in part.entries][:count]
    return Removal("image", tuple(e.key for e in entries), tuple((e.source, e.image) for e in entries))


def test_every_recorded_place_is_cleaned(store, address, tmp_path):
    own, other = decoded(tmp_path / "own", "a", "/crops"), decoded(tmp_path / "own", "b", "/elsewhere")
    recorded = decoded(tmp_path / "indexed", "c", "/crops/c1")
    record_copy(address, "pixels", recorded.parent)
    maps = tmp_path / "gallery.map"
    maps.mkdir()
    (maps / "neighbors-1.npy").write_bytes(b"places")
    (maps / ".principal-2.npy.host-1.part").write_bytes(b"places")
    removal = removal_of(store)
    kept, named = "c0/00009.jpg", removal.images[0][1]
    answers = tmp_path / "answers.csv"
    write_answers(
        answers, [Answer("v", "m", "same", (named, kept)), Answer("v", "m", "same", (kept, "c1/00010.jpg"))]
    )
    record_copy(address, "answers", answers, source="/crops")
    page = tmp_path / "search.html"
    page.write_text("pictures")
    record_page(address, page, removal.keys[:1])
    done = remove(store, address, removal)
    assert {folder.name for folder in done.cached} == {"a", "c"}
    assert not own.exists()
    assert not recorded.exists()
    assert other.exists()
    assert not any(maps.iterdir())
    assert [answer.crops for answer in read_answers([answers])] == [(kept, "c1/00010.jpg")]
    assert done.pages == (page,)
    assert page.exists(), "a page is the user's own file"
    assert [line.verified for line in read_deletion_log(address)] == [False, True]
    assert not side_file(address, PENDING).exists()


def test_features_in_every_cache_are_removed(store, address, tmp_path, monkeypatch):
    """In the usual cache, in recorded ones, and beside every place of pixels, recorded or not."""
    usual, other = embedded(None, "a", "/crops"), embedded(None, "b", "/elsewhere")
    recorded = embedded(tmp_path / "indexed", "c", "/crops/c1")
    record_copy(address, "features", recorded.parent)
    given = embedded(tmp_path / "given", "d", "/crops")
    of_run = embedded(tmp_path / "runs-own", "e", "/crops")
    (tmp_path / "state" / "reseen" / cache.RECORD_FILE).unlink()
    monkeypatch.setattr(removal_module, "_run_cache", lambda run: [cache.cache_folder(tmp_path / "runs-own")])
    removal = removal_of(store)
    removal = Removal(
        removal.by, removal.keys, removal.images, (str(cache.cache_folder(tmp_path / "given")),)
    )
    done = remove(store, address, removal)
    assert {folder.name for folder in done.cached} == {"a", "c", "d", "e"}
    assert not any(folder.exists() for folder in (usual, recorded, given, of_run))
    assert other.exists()


def test_features_that_stay_are_no_verified_forgetting(store, address, monkeypatch):
    embedded(None, "a", "/crops")
    monkeypatch.setattr(cache, "remove", lambda folder: None)
    with pytest.raises(GalleryError, match=r"features in .*rerun the command"):
        remove(store, address, removal_of(store))
    assert [line.verified for line in read_deletion_log(address)] == [False]


def test_a_cache_that_the_run_names_is_found(store, address, tmp_path, monkeypatch):
    """Not recorded, as by another user: the recipe of the gallery's run says where it is."""
    pixels = decoded(tmp_path / "runs-own", "a", "/crops")
    (tmp_path / "state" / "reseen" / cache.RECORD_FILE).unlink()
    monkeypatch.setattr(removal_module, "_run_cache", lambda run: [pixels.parent])
    remove(store, address, removal_of(store))
    assert not pixels.exists()


def test_damaged_and_half_removed_entries_hold_pixels_too(store, address, tmp_path):
    damaged = decoded(None, "a", "/crops")
    (damaged / cache.DETAILS_FILE).write_text("{")
    (damaged / cache.SOURCES_FILE).unlink()
    half = damaged.with_name(f".tmp-b-{cache.host_name()}-999999999-0")
    half.mkdir()
    (half / cache.PIXELS_FILE).write_bytes(b"pixels")
    remove(store, address, removal_of(store))
    assert not damaged.exists()
    assert not half.exists()


def test_pixels_that_stay_are_no_verified_forgetting(store, address, monkeypatch):
    decoded(None, "a", "/crops")
    monkeypatch.setattr(cache, "remove", lambda folder: None)
    with pytest.raises(GalleryError, match=r"decoded pixels in .*rerun the command"):
        remove(store, address, removal_of(store))
    assert [line.verified for line in read_deletion_log(address)] == [False]
    monkeypatch.undo()


def test_a_process_that_decodes_right_now_is_waited_for(store, address):
    folder = cache.cache_folder()
    busy = folder / f".tmp-key-{cache.host_name()}-{os.getppid()}-0"
    busy.mkdir(parents=True)
    (busy / cache.SOURCES_FILE).write_text(json.dumps(["/crops"]))
    with pytest.raises(GalleryError, match=f"process {os.getppid()} is writing right now; wait"):
        remove(store, address, removal_of(store))
    assert busy.exists()
    (busy / cache.SOURCES_FILE).write_text(json.dumps(["/other"]))
    remove(store, address, removal_of(store))


def test_a_disk_that_is_not_there_is_said(store, address, tmp_path):
    place = tmp_path / "mount" / "pixels"
    place.mkdir(parents=True)
    record_copy(address, "pixels", place)
    file = side_file(address, NAME)
    values = json.loads(file.read_text())
    place.rmdir()
    places = find_copies(store, address, removal_of(store))
    assert places.unreachable == (), "it was removed from a disk that is there"
    file.write_text(json.dumps(values | {"device": values["device"] + 1}) + "\n")
    with pytest.raises(GalleryError, match="whose disk is not there: mount it"):
        remove(store, address, removal_of(store))
    place.mkdir()
    (done,), words = finish_removals(store, address)
    assert (len(done.removal.keys), words) == (3, "")
    assert [line.verified for line in read_deletion_log(address)] == [False, True]


def test_a_crop_behind_a_link_or_outside_its_root_is_found(store, address, tmp_path, make_images):
    real = make_images("a/1.jpg")
    (tmp_path / "link").symlink_to(real)
    by_link = decoded(None, "a", str(tmp_path / "link"))
    removal = Removal(
        "image", removal_of(store).keys, ((str(tmp_path / "manifests"), f"{real}/a/1.jpg"),) * 3
    )
    remove(store, address, removal)
    assert not by_link.exists()


@pytest.fixture
def interrupted(address, model, tmp_path):
    """A gallery in a folder, with pixels, a map and answers."""
    with EdgeStore(address, model, create=True) as store:
        store.add(draw(20))
        images = [image for _, image in removal_of(store, 5).images]
    pixels = decoded(tmp_path / "own", "a", "/crops")
    maps = tmp_path / "gallery.map"
    maps.mkdir()
    (maps / "neighbors-1.npy").write_bytes(b"places")
    answers = tmp_path / "gallery" / "answers.csv"
    write_answers(answers, [Answer("v", "m", "same", (images[0], "c0/99999.jpg"))])
    record_copy(address, "answers", answers, source="/crops")
    return pixels, maps / "neighbors-1.npy", answers


@pytest.mark.parametrize(
    "step", ["begun", "noted", "deleted", "pixels", "maps", "answers", "verified", "ended"]
)
def test_a_kill_at_any_step_is_finished_at_the_next_opening(interrupted, address, step):
    pixels, places, answers = interrupted
    process = os.fork()
    if not process:
        _removed_and_killed(address, step)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9
    with open_gallery(address) as opened:
        assert opened.store.describe().count == (20 if step == "begun" else 15)
        assert opened.unfinished == ""
        assert len(opened.finished) == (0 if step == "begun" else 1)
    if step == "begun":
        assert read_deletion_log(address) == [], "nothing was begun"
        return
    assert not pixels.exists()
    assert not places.exists()
    assert read_answers([answers]) == []
    assert not side_file(address, PENDING).exists()
    assert read_deletion_log(address)[-1].verified
    assert unverified_deletions(address) == []


def _removed_and_killed(address, step):
    """In a process of its own, which ends right before a step."""
    names = {
        "begun": "_begin", "noted": "append_deletion", "pixels": "find_copies", "maps": "_unlink",
        "answers": "write_answers", "verified": "_leftovers", "ended": "_end",
    }  # fmt: skip
    try:
        store = EdgeStore(address)
        if step == "deleted":
            store.delete = lambda where: (EdgeStore.delete(store, where), os._exit(9))
        else:
            setattr(removal_module, names[step], lambda *_: os._exit(9))
        remove(store, address, removal_of(store, 5))
    finally:
        os._exit(1)


def test_a_note_alone_is_finished_too(store, address):
    """As an older version left it, or whoever removed the file of what was begun."""
    pixels = decoded(None, "a", "/crops")
    keys = removal_of(store).keys
    append_deletion(address, Deletion.now("image", keys, False, 0))
    (done,), words = finish_removals(store, address)
    assert (done.removal.keys, words) == (keys, "")
    assert not any(len(part) for part in store.scan(Filter(keys=keys)))
    assert not pixels.exists()
    assert [line.verified for line in read_deletion_log(address)] == [False, True]
    assert finish_removals(store, address) == ([], "")


def test_a_line_that_a_crash_cut_short_does_not_spoil_the_next(address):
    append_deletion(address, Deletion.now("image", ("a",), True, 0))
    with deletion_log_file(address).open("a") as file:
        file.write('{"time": "20')
    append_deletion(address, Deletion.now("image", ("b",), True, 0))
    assert [line.keys for line in read_deletion_log(address)] == [("a",), ("b",)]


def test_a_damaged_record_is_an_error_that_names_the_line(address):
    record_copy(address, "pixels", "/tmp")
    record_copy(address, "pixels", "/tmp")
    assert len(recorded_copies(address)) == 1
    file = side_file(address, NAME)
    for line in (
        "x",
        "[]",
        "{}",
        '{"kind": 1, "path": 2, "device": "", "source": "", "keys": [3]}',
        "9" * 5000,
    ):
        good = file.read_text()
        file.write_text(f"{line}\n{good}")
        with pytest.raises(GalleryError, match="line 1: damaged"):
            recorded_copies(address)
        file.write_text(good)
    side_file(address, PENDING).write_text("[1]")
    with pytest.raises(GalleryError, match="cannot be read"):
        finish_removals(None, address)


def journal_of(address, store, name="Anna"):
    """A person of the first three crops, and one of the next three, in the journal beside a gallery."""
    keys = [entry.key for part in store.scan() for entry in part.entries]
    journal = Journal(edits_file(address))
    for person, some in ((1, keys[:3]), (2, keys[3:6])):
        members = {key: Decision(person, "person") for key in some}
        names = {person: name if person == 1 else None}
        journal.do(
            Edit(
                "person-split",
                "t",
                "made",
                same=(tuple(some),),
                people=PeopleChange(members, names),
            )
        )
    return journal


def test_members_names_and_edits_of_forgotten_crops_are_gone(store, address):
    journal = journal_of(address, store)
    removal = removal_of(store)
    assert find_copies(store, address, removal).journal == (journal.file,)
    remove(store, address, removal)
    text = journal.file.read_text()
    assert "Anna" not in text
    assert not any(key in text for key in removal.keys)
    people = Journal(edits_file(address)).people
    assert list(people.members) == [2]
    assert Journal(edits_file(address)).free_person == 3


def test_edits_that_stay_are_no_verified_forgetting(store, address, monkeypatch):
    journal_of(address, store)
    monkeypatch.setattr(Journal, "forget", lambda self, keys: None)
    with pytest.raises(GalleryError, match=r"edits of crops in .*mends\.jsonl.*rerun the command"):
        remove(store, address, removal_of(store))
    assert [line.verified for line in read_deletion_log(address)] == [False]
    monkeypatch.undo()
    remove(store, address, removal_of_keys(read_deletion_log(address)[0].keys))
    assert "Anna" not in edits_file(address).read_text()


def removal_of_keys(keys):
    return Removal("image", tuple(keys), None)

"""Live use: tracklets of a video are looked up in a gallery, by a slow rule too; crops, counts and time go on."""

import json
from functools import partial

import numpy as np
import pytest
from tests.video.conftest import Files, moving_square, write

import reseen
from reseen.errors import DataError, SettingsError, StorageError, VideoError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.gallery import Gallery
from reseen.gallery.stores.in_memory import MemoryStore
from reseen.video import watch as watch_module
from reseen.video.crop import crop_videos
from reseen.video.recognizer import Recognizer
from reseen.video.settings import crop_settings
from reseen.video.watch import CROPS, STATE, Watcher

EXACT = ("--thin.height", "24")


@pytest.fixture(scope="module")
def exact(videos):
    """Exact tracks of the drawn videos."""
    return crop_settings(["--detections", str(videos / "ground-truth"), *EXACT])


@pytest.fixture
def gallery(videos, exact, crowd, tiny_flags, tmp_path_factory):
    """A gallery of the drawn videos' exact crops, a cluster for every tracklet; made once, not to be added to."""
    folder = tmp_path_factory.getbasetemp() / "watched"
    if not folder.exists():
        run = reseen.train(
            reseen.load_recipe("cluster-contrast", tiny_flags), crowd, folder / "run", quiet=True
        )
        crops = crop_videos([videos], folder / "crops", settings=exact, quiet=True)
        table = reseen.read_training(crops.manifest)
        rows = "".join(
            f"{path},{track}\n" for path, track in zip(table.texts, table.tracklets.tolist(), strict=True)
        )
        (folder / "clusters.csv").write_text("path,cluster\n" + rows)
        reseen.index_run(
            run, crops.manifest, folder / "gallery", clusters=folder / "clusters.csv", quiet=True
        )
    return folder / "gallery"


def all_of(watcher):
    with watcher:
        return list(watcher.events())


def test_every_tracklet_is_looked_up_as_a_slow_search_would(videos, exact, gallery, tmp_path):
    with Watcher(gallery, videos / "camera1.mp4", tmp_path / "out", settings=exact) as watcher:
        found = list(watcher.events())
    assert len(found) == 4  # four people before the camera
    assert [event.tracklet for event in found] == [1, 2, 3, 4]
    with reseen.open_gallery(gallery) as opened:
        parts = list(opened.store.scan())
        entries = [entry for part in parts for entry in part.entries]
        rows = np.concatenate([part.vectors for part in parts])
        for event in found:
            assert 1 <= len(event.crops) <= CROPS
            assert event.crop in event.crops
            assert all(crop.is_file() for crop in event.crops)
            vectors = np.stack([opened.embed(crop) for crop in event.crops])
            mean = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).mean(axis=0)
            similarity = rows @ mean / np.linalg.norm(mean)
            assert event.score == pytest.approx(similarity.max(), abs=1e-4)
            nearest = {entries[row].cluster for row in np.flatnonzero(similarity > similarity.max() - 1e-4)}
            assert event.person in nearest
            assert event.best.similarity == pytest.approx(similarity.max(), abs=1e-4)
            assert event.camera == "camera1"
            assert 0 <= event.time < event.until <= 6
            assert event.delay is None


def test_numbers_go_on_and_crops_of_earlier_calls_stay(videos, exact, gallery, tmp_path):
    first = all_of(Watcher(gallery, videos / "camera1.mp4", tmp_path / "out", settings=exact))
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.jpg")}
    again = all_of(Watcher(gallery, videos / "camera1.mp4", tmp_path / "out", settings=exact))
    assert [event.tracklet for event in again] == [len(first) + 1 + place for place in range(len(first))]
    assert all(path.read_bytes() == content for path, content in before.items())
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 2 * len(before)
    assert json.loads((tmp_path / "out" / STATE).read_text()) == {"tracklets": 2 * len(first)}


def test_a_recording_is_played_again_until_its_time_is_over(videos, exact, gallery, tmp_path):
    watcher = Watcher(
        gallery, videos / "camera1.mp4", tmp_path / "out", settings=exact, loop=True, most_seconds=15,
        start="2026-05-01T12:00",
    )  # fmt: skip
    found = all_of(watcher)
    assert watcher.seconds == pytest.approx(15, abs=0.2)
    assert len(found) > 8  # two times four, and those of the beginning once more
    begin = 1777636800
    assert all(begin <= event.time <= event.until <= begin + 15.1 for event in found)
    assert max(event.time for event in found) > begin + 11


def test_crops_are_added_and_found_again(videos, exact, gallery, crowd, tmp_path):
    run = gallery.parent / "run"
    own = tmp_path / "own"
    with reseen.open_gallery(own, run, create=True) as opened:
        assert opened.store.describe().count == 0
    first = all_of(Watcher(own, videos / "camera1.mp4", tmp_path / "out", settings=exact, add=True))
    assert first[0].best is None
    assert first[0].person is None
    assert first[0].score is None
    crops = sum(len(event.crops) for event in first)
    with reseen.open_gallery(own) as opened:
        stored = [entry for part in opened.store.scan() for entry in part.entries]
    assert len(stored) == crops
    assert {entry.source for entry in stored} == {str(tmp_path / "out")}
    assert {str(tmp_path / "out" / entry.image) for entry in stored} == {
        str(crop) for event in first for crop in event.crops
    }
    assert all(entry.thumbnail and entry.cluster is None and entry.camera == "camera1" for entry in stored)
    again = all_of(Watcher(own, videos / "camera1.mp4", tmp_path / "out", settings=exact))
    assert all(
        event.person is None and event.best is not None and event.score == event.best.similarity
        for event in again
    )


def test_people_still_in_view_are_told_when_it_is_stopped(videos, exact, gallery, tmp_path):
    whole = all_of(Watcher(gallery, videos / "camera1.mp4", tmp_path / "all", settings=exact))
    with Watcher(gallery, videos / "camera1.mp4", tmp_path / "out", settings=exact) as watcher:
        running = watcher.events()
        found = [next(running)]
        running.close()  # as Ctrl-C would
        found += watcher.finish()
        assert not list(watcher.finish())
    assert 1 <= len(found) <= len(whole)
    assert found[0].frames == whole[0].frames
    assert watcher.frames > 0


def boxes(path, count):
    lines = [f"{number + 1},1,{4 + 2 * number},20,24,24,1,-1,-1,-1" for number in range(count)]
    path.write_text("\n".join(lines) + "\n")
    return crop_settings(["--detections", str(path), "--thin.height", "16", "--thin.fewest-frames", "2"])


def test_a_stream_is_connected_to_again(serve, gallery, tmp_path, monkeypatch):
    monkeypatch.setattr(watch_module, "_RECONNECT_SECONDS", (0.0,))
    write(tmp_path / "live.ts", [moving_square(number) for number in range(30)])
    address = serve(partial(Files, directory=str(tmp_path)))
    said = []
    with Watcher(
        gallery, f"{address}/live.ts", tmp_path / "out", settings=boxes(tmp_path / "boxes.txt", 30),
        camera="door", loop=True, most_seconds=4, say=said.append,
    ) as watcher:  # fmt: skip
        running = watcher.events()
        first = next(running)
        (tmp_path / "live.ts").rename(tmp_path / "gone.ts")  # the next connection fails
        monkeypatch.setattr(
            watch_module.time, "sleep", lambda _: said and (tmp_path / "gone.ts").rename(tmp_path / "live.ts")
        )
        second = next(running)
        monkeypatch.undo()
        rest = list(running)
    assert "cannot be opened as a video" in said[0]
    assert first.camera == second.camera == "door"
    assert (first.tracklet, second.tracklet) == (1, 2)
    assert second.time > first.time > 1.7e9  # on the clock
    assert first.delay is not None
    assert not rest


def test_a_stream_that_never_was_is_an_error(gallery, tmp_path):
    with (
        Watcher(gallery, "http://127.0.0.1:9/live", tmp_path / "out", loop=True) as watcher,
        pytest.raises(VideoError, match="cannot be opened"),
    ):
        next(watcher.events())


def test_a_full_disk_leaves_whole_crops(videos, exact, gallery, tmp_path, monkeypatch):
    from reseen.video import crop_files

    real, written = crop_files.create_file, []

    def full(path):
        written.append(path)
        if len(written) > 3:
            raise OSError(28, "No space left on device", str(path))
        return real(path)

    monkeypatch.setattr(crop_files, "create_file", full)
    with pytest.raises(StorageError, match="the disk is full"):
        all_of(Watcher(gallery, videos / "camera1.mp4", tmp_path / "out", settings=exact))
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 3
    monkeypatch.setattr(crop_files, "create_file", real)
    assert all_of(Watcher(gallery, videos / "camera1.mp4", tmp_path / "out", settings=exact))


def test_what_it_refuses(videos, gallery, tmp_path):
    video, out = videos / "camera1.mp4", tmp_path / "out"
    with pytest.raises(SettingsError, match="contains 2 videos, but only one"):
        Watcher(gallery, videos, out)
    with pytest.raises(SettingsError, match="from -1 to 1, got 2"):
        Watcher(gallery, video, out, threshold=2)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    with pytest.raises(DataError, match=r"found 'dear\.txt' in it"):
        Watcher(gallery, video, tmp_path / "letters")
    with pytest.raises(DataError, match="found a file"):
        Watcher(gallery, video, tmp_path / "letters" / "dear.txt")
    with (
        Watcher(gallery, video, out),
        pytest.raises(StorageError, match=r"another process \(ID \d+\) writes crops"),
    ):
        Watcher(gallery, video, out)
    (out / STATE).write_text('{"tracklets": "many"}')
    with pytest.raises(DataError, match=r"watch\.json: damaged"):
        Watcher(gallery, video, out)
    Watcher(gallery, video, tmp_path / "other").close()  # nothing is left locked


def memory_gallery(vectors, clusters):
    store = MemoryStore(ModelIdentity("f" * 64, 4, "cluster-contrast", "resnet18", 64, 32, "/no/run"))
    entries = [
        Entry("/crops", f"{place}.jpg", tracklet=place, cluster=cluster)
        for place, cluster in enumerate(clusters)
    ]
    store.add(Entries(entries, np.array(vectors, dtype=np.float32).reshape(-1, 4)))
    return Gallery(store)


def test_who_is_named():
    """By hand: the nearest is in no cluster, the second is noise, the third is person 7."""
    vectors = [[1, 0, 0, 0], [0.96, 0.28, 0, 0], [0.8, 0.6, 0, 0], [0, 1, 0, 0]]
    opened = memory_gallery(vectors, [None, -1, 7, 8])
    query = np.array([[1, 0, 0, 0]], dtype=np.float32)
    best, named = Recognizer(opened, None, False).recognize(query)
    assert best.entry.image == "0.jpg"
    assert named.entry.cluster == 7
    assert named.similarity == pytest.approx(0.8, abs=1e-6)
    assert Recognizer(opened, 0.79, False).recognize(query)[1] is not None
    assert Recognizer(opened, 0.81, False).recognize(query)[1] is None
    two = np.array([[0.6, 0.8, 0, 0], [-0.6, 0.8, 0, 0]], dtype=np.float32)  # their mean is the last entry
    assert Recognizer(opened, None, False).recognize(two)[1].entry.cluster == 8
    opposite = np.array([[1, 0, 0, 0], [-1, 0, 0, 0]], dtype=np.float32)  # without a mean, the first decides
    assert Recognizer(opened, None, False).recognize(opposite)[0].entry.image == "0.jpg"
    assert Recognizer(memory_gallery([], []), None, False).recognize(query) == (None, None)

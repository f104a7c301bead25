import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from tests.gallery.conftest import draw

import reseen
from reseen.audit.calibration import Calibration
from reseen.camera_means import CameraCenters, CameraMeans, camera_centers
from reseen.data.crops import open_crops
from reseen.errors import DataError, GalleryError
from reseen.features.extract import extract
from reseen.gallery.filter import Filter
from reseen.gallery.forget import known_threshold
from reseen.gallery.gallery import Gallery
from reseen.gallery.index import index_run
from reseen.gallery.side_files import read_gallery_calibration, write_gallery_calibration
from reseen.gallery.stores.in_memory import MemoryStore
from reseen.runs.camera_file import camera_means_of
from reseen.video.recognizer import Recognizer


@pytest.fixture
def gallery(model):
    store = MemoryStore(model)
    store.add(draw(60))
    return Gallery(store)


def test_answers_come_by_similarity_and_have_no_probability_without_the_run(gallery):
    given = draw(60)
    found = gallery.search(given.vectors[3], 5)
    assert found[0].entry == given.entries[3]
    assert [match.similarity for match in found] == sorted((m.similarity for m in found), reverse=True)
    assert {match.probability for match in found} == {None}
    assert "the run of this gallery cannot be opened" in gallery.why_uncalibrated


def test_a_tracklet_is_answered_once_by_its_best_crop(gallery):
    vector = draw(60).vectors[8]
    plain = gallery.search(vector, 60)
    grouped = gallery.search(vector, 60, group_tracklets=True)
    names = [(match.entry.tracklet, match.entry.key) for match in plain]
    first = {}
    for tracklet, key in names:
        first.setdefault(key if tracklet is None else tracklet, key)
    assert [match.entry.key for match in grouped] == list(first.values())
    assert sum(match.frames for match in grouped) == 60
    assert len(gallery.search(vector, 7, group_tracklets=True)) == 7  # more are fetched until there are seven


def test_ranking_anew_keeps_the_entries_and_brings_shared_neighbors_forward(model):
    generator = np.random.default_rng(5)
    centers = np.eye(8, dtype=np.float32)[:4]
    rows = np.repeat(centers, 12, axis=0) + 0.35 * generator.standard_normal((48, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    given = draw(48)
    object.__setattr__(given, "vectors", rows)
    store = MemoryStore(model)
    store.add(given)
    gallery = Gallery(store)

    def right(rerank):
        found = 0
        for person in range(4):
            query = rows[12 * person]
            hits = gallery.search(query, 12, rerank=rerank)
            found += sum(given.entries.index(hit.entry) // 12 == person for hit in hits)
        return found

    assert right(True) >= right(False)
    plain, anew = gallery.search(rows[0], 48), gallery.search(rows[0], 48, rerank=True)
    assert {hit.entry.key for hit in plain} == {hit.entry.key for hit in anew}


@pytest.fixture(scope="module")
def run(crowd, tmp_path_factory):
    flags = [
        "--model.backbone", "test_efficientnet", "--model.weights", "none", "--model.norm-group", "8",
        "--data.height", "64", "--data.width", "32", "--method.sampler.clusters-per-batch", "4",
        "--method.sampler.images-per-cluster", "4", "--method.clustering.jaccard.k1", "8",
        "--method.clustering.jaccard.k2", "3",
        "--method.clustering.eps", "auto", "--train.rounds", "1", "--train.iterations", "2", "--train.device", "cpu",
    ]  # fmt: skip
    return reseen.train(
        reseen.load_recipe("cluster-contrast", flags), crowd, tmp_path_factory.mktemp("g") / "run", quiet=True
    )


def test_an_image_file_has_the_vector_of_its_entry(run, crowd, monkeypatch):
    store = keep_one_store(monkeypatch)
    done = index_run(run, crowd, "memory:", quiet=True)
    assert (done.added, done.updated, done.present) == (done.count, 0, 0)
    gallery = Gallery(store[0], run)
    entry = next(iter(store[0].scan())).entries[5]
    found = gallery.search(gallery.embed(crowd_path(entry)), 3)
    assert found[0].entry == entry
    assert found[0].similarity == pytest.approx(1, abs=1e-5)
    assert Image.open(__import__("io").BytesIO(entry.thumbnail)).size == (32, 64)
    assert entry.cluster is not None  # the run learned from this folder


def test_indexing_again_embeds_nothing_and_brings_clusters_up_to_date(run, crowd, monkeypatch, tmp_path):
    store = keep_one_store(monkeypatch)
    first = index_run(run, crowd, "memory:", quiet=True)
    monkeypatch.setattr("reseen.gallery.index.extract", None)  # a call would fail
    again = index_run(run, crowd, "memory:", quiet=True)
    assert (again.added, again.updated, again.present) == (0, 0, first.added)
    path = next(iter(store[0].scan())).entries[0].image
    (tmp_path / "c.csv").write_text(f"path,cluster\n{path},77\n")
    changed = index_run(run, crowd, "memory:", clusters=tmp_path / "c.csv", quiet=True)
    assert changed.updated > 0
    assert changed.added == 0
    assert [hit.image for part in store[0].scan(Filter(clusters=(77,))) for hit in part.entries] == [path]
    (tmp_path / "d.csv").write_text("path,cluster\nelsewhere.jpg,1\n")
    with pytest.raises(DataError, match="holds no crop of"):
        index_run(run, crowd, "memory:", clusters=tmp_path / "d.csv", quiet=True)


def test_an_interrupted_index_goes_on(run, crowd, monkeypatch):
    store = keep_one_store(monkeypatch)
    monkeypatch.setattr("reseen.gallery.index.PART", 16)
    real, calls = MemoryStore.add, []

    def failing(self, entries):
        calls.append(len(entries))
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(self, entries)

    monkeypatch.setattr(MemoryStore, "add", failing)
    with pytest.raises(KeyboardInterrupt):
        index_run(run, crowd, "memory:", quiet=True)
    assert store[0].describe().count == 32
    done = index_run(run, crowd, "memory:", quiet=True)
    assert done.present == 32
    assert done.count == done.added + 32


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff\xe0 cut short"])
def test_what_is_no_image_is_refused(run, model, content):
    gallery = Gallery(MemoryStore(model), run)
    with pytest.raises(DataError, match=r"the image: .*give an image of one person"):
        gallery.embed(content)


TRUSTED = Calibration(
    "medium", "200 answers bound every number to within 4 points", 200, 0, 0.5, 0.1, (0.5, 1.0), (0.1, 0.9), 0.8,
    0.08, (0.05, 0.12), 0.4, (0.36, 0.44),
)  # fmt: skip
UNTRUSTED = Calibration(
    "low", "20 answers bound every number to within 20 points, and 5 are needed", 20, 300, 0.5, 0.1, (), (), None,
    None, None, None, None,
)  # fmt: skip


@pytest.fixture
def without_calibration(gallery):
    yield gallery
    gallery.recalibrate(None)


def test_a_probability_is_that_of_the_answers_and_none_is_known_below_them(without_calibration):
    gallery = without_calibration
    gallery.recalibrate(TRUSTED)
    first = draw(60).vectors[0]
    found = gallery.search(first, 60)
    assert found[0].probability == pytest.approx(0.9)
    for match in found:
        assert (match.probability is None) == (match.similarity < 0.5)
    assert "trust medium" in gallery.calibration_text
    assert gallery.why_uncalibrated == ""
    assert known_threshold(gallery) == 0.8


def test_at_low_trust_there_is_no_probability_and_no_threshold(without_calibration):
    gallery = without_calibration
    gallery.recalibrate(UNTRUSTED)
    assert gallery.calibration is None
    assert gallery.calibration_text == ""
    assert "trust is low, 20 answers bound every number" in gallery.why_uncalibrated
    assert {match.probability for match in gallery.search(draw(60).vectors[0], 5)} == {None}
    assert known_threshold(gallery) is None


def test_trusted_probabilities_without_a_threshold_say_why(without_calibration):
    gallery = without_calibration
    alone = replace(
        TRUSTED,
        threshold=None,
        false_share=None,
        false_interval=None,
        missed_share=None,
        missed_interval=None,
    )
    gallery.recalibrate(alone)
    assert gallery.search(draw(60).vectors[0], 1)[0].probability == pytest.approx(0.9)
    assert "from a similarity of" not in gallery.calibration_text
    assert known_threshold(gallery) is None


def test_the_calibration_of_another_model_is_not_used(without_calibration):
    gallery = without_calibration
    write_gallery_calibration(gallery.address, "another model", TRUSTED)
    assert gallery.calibration is None
    for _ in range(2):
        gallery.recalibrate(None)
    assert read_gallery_calibration(gallery.address, "another model") is None


def test_another_model_is_refused(run, model):
    with pytest.raises(GalleryError, match="memory: is always a new gallery"):
        reseen.open_gallery("memory:", run)


@pytest.fixture
def mirrored_gallery(run, crowd, monkeypatch):
    """A gallery of mirrored crops, in memory."""
    store = keep_one_store(monkeypatch)
    done = index_run(run, crowd, "memory:", mirrored=True, quiet=True)
    assert done.mirrored
    assert done.added == done.count == len(reseen.read_training(crowd))
    return Gallery(store[0], run)


def stored_vectors(store):
    return {
        entry.image: row
        for part in store.scan()
        for entry, row in zip(part.entries, part.vectors, strict=True)
    }


def test_vectors_of_a_mirrored_gallery_are_mirrored_features(mirrored_gallery, run, crowd):
    crops = open_crops(reseen.read_training(crowd), run.recipe.data, 64, 32, progress=False)
    expected = extract(run.encoder(), crops, torch.device("cpu"), mirrored=True).numpy
    plain = extract(run.encoder(), crops, torch.device("cpu")).numpy
    found = stored_vectors(mirrored_gallery.store)
    for row, image in enumerate(crops.table.texts):
        np.testing.assert_allclose(found[image], expected[row], atol=1e-5)
    assert (
        float(np.linalg.norm(expected - plain, axis=1).max()) > 1e-3
    )  # a hundred times what rounding is allowed


def test_an_image_and_its_mirror_image_have_the_vector_of_the_entry(mirrored_gallery, run, model):
    entry = next(iter(mirrored_gallery.store.scan())).entries[5]
    content = Path(crowd_path(entry)).read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        size, mirror = image.size, io.BytesIO()
        ImageOps.mirror(image.convert("RGB")).save(mirror, "PNG")
    assert size == (32, 64)  # nothing is resized, which might round otherwise in the mirror image
    vectors = [mirrored_gallery.embed(picture) for picture in (content, mirror.getvalue())]
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-5)
    np.testing.assert_allclose(vectors[0], stored_vectors(mirrored_gallery.store)[entry.image], atol=1e-5)
    assert mirrored_gallery.search(vectors[1], 1)[0].entry == entry
    of_live_video = Recognizer(mirrored_gallery, None, add=False).embed([content, mirror.getvalue()])
    np.testing.assert_allclose(of_live_video, vectors, atol=1e-5)
    plain = Gallery(MemoryStore(model), run)
    alone = [plain.embed(picture) for picture in (content, mirror.getvalue())]
    assert float(np.linalg.norm(alone[0] - alone[1])) > 1e-3


def test_a_gallery_keeps_to_one_kind_of_vectors(mirrored_gallery, run, crowd, monkeypatch):
    first = next(iter(mirrored_gallery.store.scan())).entries[0]
    before = stored_vectors(mirrored_gallery.store)[first.image]
    mirrored_gallery.store.delete(Filter(keys=(first.key,)))
    again = index_run(run, crowd, "memory:", quiet=True)  # as the gallery has them
    assert (again.added, again.mirrored) == (1, True)
    np.testing.assert_allclose(stored_vectors(mirrored_gallery.store)[first.image], before, atol=1e-5)
    with pytest.raises(GalleryError, match=r"means of each crop and its mirror image.*leave out --no-flip"):
        index_run(run, crowd, "memory:", mirrored=False, quiet=True)
    store = keep_one_store(monkeypatch)
    assert not index_run(run, crowd, "memory:", quiet=True).mirrored
    assert not store[0].describe().model.mirrored
    with pytest.raises(GalleryError, match=r"of crops alone.*leave out --flip.*people adopt"):
        index_run(run, crowd, "memory:", mirrored=True, quiet=True)


def test_cameras_of_a_mirrored_gallery_are_centered_by_means_of_its_own_vectors(mirrored_gallery, run, crowd):
    vectors = stored_vectors(mirrored_gallery.store)
    table = reseen.read_training(crowd)
    rows = np.stack([vectors[image] for image in table.texts])
    own = CameraMeans.measure(rows, table.cameras, table.camera_names, table.tracklets)
    pool = camera_means_of(run)
    assert pool is not None
    centers = camera_centers(own, pool)
    assert isinstance(centers, CameraCenters)
    cameras = [table.camera_names[camera] for camera in table.cameras]
    centered = centers.center(rows, cameras)
    order = np.argsort(-(centered @ centered[3]), kind="stable")
    found = mirrored_gallery.search(rows[3], 5, center_cameras=True, camera=cameras[3])
    assert [match.entry.image for match in found] == [table.texts[row] for row in order[:5]]
    assert found[0].similarity == pytest.approx(1, abs=1e-5)


def test_answers_on_plain_crops_do_not_calibrate_a_mirrored_gallery(model, run, monkeypatch):
    monkeypatch.setattr("reseen.gallery.side_files.read_calibration", lambda _: TRUSTED)
    at_run = replace(model, run=str(run.folder))
    plain, mirrored = (
        Gallery(MemoryStore(identity), run) for identity in (at_run, replace(at_run, mirrored=True))
    )
    assert plain.calibration == TRUSTED
    assert known_threshold(plain) == 0.8
    assert mirrored.calibration is None
    assert "similarities of crops alone" in mirrored.why_uncalibrated
    assert known_threshold(mirrored) is None
    mirrored.recalibrate(TRUSTED)  # by answers on its own crops
    try:
        assert mirrored.calibration == TRUSTED
        assert known_threshold(mirrored) == 0.8
        assert read_gallery_calibration(mirrored.address, model.fingerprint) is None  # of plain crops
    finally:
        mirrored.recalibrate(None)


def keep_one_store(monkeypatch):
    """All galleries in memory are one."""
    kept = []

    def open_store(address, model=None, create=False):
        if not kept:
            kept.append(MemoryStore(model))
        return kept[0]

    monkeypatch.setattr("reseen.gallery.gallery.open_store", open_store)
    return kept


def crowd_path(entry):
    return f"{entry.source}/{entry.image}"

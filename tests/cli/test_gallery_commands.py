import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image, ImageOps

import reseen
from reseen.gallery.selection import select_entries


@pytest.fixture(scope="module")
def filled(crowd, tmp_path_factory):
    """A run and a gallery of its crops, made once; copied by who changes it."""
    folder = tmp_path_factory.mktemp("filled")
    flags = [
        "--model.backbone", "test_efficientnet", "--model.weights", "none", "--model.norm-group", "8",
        "--data.height", "64", "--data.width", "32", "--method.sampler.clusters-per-batch", "4",
        "--method.sampler.images-per-cluster", "4", "--method.clustering.jaccard.k1", "8",
        "--method.clustering.jaccard.k2", "3",
        "--method.clustering.eps", "auto", "--train.rounds", "1", "--train.iterations", "2", "--train.device", "cpu",
    ]  # fmt: skip
    run = reseen.train(reseen.load_recipe("cluster-contrast", flags), crowd, folder / "run", quiet=True)
    reseen.index_run(run, crowd, folder / "gallery", quiet=True)
    return folder


@pytest.fixture
def gallery(filled, tmp_path):
    return shutil.copytree(filled / "gallery", tmp_path / "gallery")


@pytest.fixture
def crop(crowd):
    table = reseen.read_training(crowd)
    return table.path(0)


def test_a_folder_is_indexed_once(reseen_says, filled, crowd, tmp_path):
    words = ("index", filled / "run", "--data", crowd, "--gallery", tmp_path / "g", "--quiet")
    count = len(reseen.read_training(crowd))
    code, out, err = reseen_says(*words)
    assert (code, err) == (0, "")
    assert f"{count} crops added; {count} in total" in out
    assert f"0 crops added; {count} already there; {count} in total" in reseen_says(*words)[1]


def test_a_crop_finds_itself_first(reseen_says, filled, crop, tmp_path):
    code, out, err = reseen_says(
        "search",
        filled / "gallery",
        crop,
        "--top",
        3,
        "--json",
        tmp_path / "a.json",
        "--sheet",
        tmp_path / "a.html",
    )
    assert (code, err) == (0, "")
    assert "no probabilities: " in out
    answers = json.loads((tmp_path / "a.json").read_text())["searches"][0]["answers"]
    assert len(answers) == 3
    assert f"{answers[0]['source']}/{answers[0]['image']}" == str(crop)
    assert answers[0]["similarity"] == pytest.approx(1, abs=1e-3)
    page = (tmp_path / "a.html").read_text()
    assert page.count("<p><b>") == 3
    assert "http" not in page.replace("http://www.w3.org", "")


def test_a_gallery_of_mirrored_crops_says_so_and_keeps_to_it(
    reseen_says, fault, filled, gallery, crowd, crop, tmp_path
):
    words = ("index", filled / "run", "--data", crowd, "--gallery", tmp_path / "g", "--quiet")
    camera = reseen.read_training(crowd).camera_names[0]
    code, out, err = reseen_says(*words, "--flip", "--camera", camera)
    assert (code, err) == (0, "")
    assert "Vectors: means of each crop and its mirror image" in out
    out = reseen_says(*words)[1]  # the other cameras, as the gallery has them
    assert "Vectors: means of each crop and its mirror image" in out
    assert "leave out --no-flip" in fault(*words, "--no-flip")
    plain = ("index", filled / "run", "--data", crowd, "--gallery", gallery, "--quiet")
    assert "leave out --flip" in fault(*plain, "--flip")
    assert "Vectors:" not in reseen_says(*plain, "--no-flip")[1]
    with Image.open(crop) as image:
        ImageOps.mirror(image.convert("RGB")).save(tmp_path / "mirror.png")
    similarities = []
    for address in (tmp_path / "g", gallery):
        page = tmp_path / "a.html"
        flags = ("--top", 72, "--json", tmp_path / "a.json", "--sheet", page)
        code, _, err = reseen_says("search", address, tmp_path / "mirror.png", *flags)
        assert (code, err) == (0, "")
        found = json.loads((tmp_path / "a.json").read_text())
        assert found["mirrored"] == (address != gallery)
        assert ("averaged with their mirror images" in page.read_text()) == found["mirrored"]
        answers = found["searches"][0]["answers"]
        similarities.append(
            next(row["similarity"] for row in answers if f"{row['source']}/{row['image']}" == str(crop))
        )
    assert 1 - similarities[0] < 1e-6 < 1e-5 < 1 - similarities[1]


def test_a_mirrored_picture_selects_its_crop_to_be_forgotten(reseen_says, filled, crowd, crop, tmp_path):
    address = tmp_path / "g"
    reseen.index_run(filled / "run", crowd, address, mirrored=True, quiet=True)
    content = io.BytesIO()
    with Image.open(crop) as image:
        ImageOps.mirror(image.convert("RGB")).save(content, "PNG")
    with reseen.open_gallery(address) as gallery:
        vector = gallery.embed(content.getvalue())
        nearest = gallery.search(vector, 2)
        assert f"{nearest[0].entry.source}/{nearest[0].entry.image}" == str(crop)
        between = (nearest[0].similarity + nearest[1].similarity) / 2
        selection = select_entries(gallery, like=[content.getvalue()], threshold=between, rounds=0)
        assert selection.where.keys == (nearest[0].entry.key,)


def test_conditions_hold(reseen_says, filled, crop, tmp_path):
    def cameras(*more):
        code, _, err = reseen_says(
            "search",
            filled / "gallery",
            crop,
            "--json",
            tmp_path / "a.json",
            "--sheet",
            tmp_path / "a.html",
            *more,
        )
        assert code == 0, err
        return {
            row["camera"] for row in json.loads((tmp_path / "a.json").read_text())["searches"][0]["answers"]
        }

    known = cameras()
    assert len(known) == 3
    one = sorted(known)[0]
    assert cameras("--camera", one) == {one}
    assert cameras("--before", "1970-01-01") == set()
    assert len(cameras("--rerank", "--group")) > 1


def test_together_is_one_search(reseen_says, filled, crowd, tmp_path):
    table = reseen.read_training(crowd)
    both = table.path(0), table.path(1)
    flags = ("--json", tmp_path / "a.json", "--sheet", tmp_path / "a.html")
    reseen_says("search", filled / "gallery", *both, *flags)
    assert len(json.loads((tmp_path / "a.json").read_text())["searches"]) == 2
    reseen_says("search", filled / "gallery", *both, "--together", *flags)
    assert len(json.loads((tmp_path / "a.json").read_text())["searches"]) == 1


def test_forgetting_needs_a_yes_and_lasts(reseen_says, filled, gallery, crowd, tmp_path):
    name = reseen.read_training(crowd).paths[0]
    page = tmp_path / "look.html"
    words = ("forget", gallery, "--image", name, "--cache-dir", tmp_path / "cache", "--page", page)
    code, out, _ = reseen_says(*words)
    assert code == 0
    assert "Would delete 1 crop" in out
    assert "add --yes" in out
    assert name in page.read_text()
    code, out, _ = reseen_says(*words, "--files", tmp_path / "paths.txt", "--yes")
    assert code == 0
    assert "Deleted: 1 crop" in out
    assert "delete them yourself: " in out
    assert str(page) in out
    assert (tmp_path / "paths.txt").read_text() == f"{reseen.read_training(crowd).path(0)}\n"
    assert "No crop in this gallery matches" in reseen_says(*words, "--yes")[1]
    again = reseen_says("index", filled / "run", "--data", crowd, "--gallery", gallery, "--quiet")[1]
    assert "0 crops added" in again
    assert "1 skipped, deleted earlier" in again


def test_retention_by_camera_and_time(reseen_says, fault, filled, gallery, crowd, tmp_path):
    table = reseen.read_training(crowd)
    name = table.camera_names[0]
    count = int((table.cameras == 0).sum())
    code, out, err = reseen_says("forget", gallery, "--camera", name, "--yes")
    assert code == 0, err
    assert f"Deleted: {count} crops" in out
    assert "Still similar" not in out, "it is not about a person"
    out = reseen_says("forget", gallery, "--before", "2026-05-01")[1]
    assert "No crop in this gallery matches" in out
    assert f"{len(table) - count} crops kept: without a known time" in out
    assert "no camera 'cx'" in fault("forget", gallery, "--camera", "cx")
    words = ("index", filled / "run", "--data", crowd, "--gallery", tmp_path / "some", "--quiet")
    out = reseen_says(*words, "--camera", name)[1]
    assert f"{count} crops added; {len(table) - count} skipped by --camera" in out
    assert "no camera 'cx' in this folder" in fault(*words, "--camera", "cx")
    assert "0 crops added" in reseen_says(*words, "--before", "0.5")[1]


def test_indexing_again_does_not_decode_who_was_forgotten(
    reseen_says, filled, gallery, crowd, monkeypatch, tmp_path
):
    names = reseen.read_training(crowd).paths
    assert reseen_says("forget", gallery, "--image", names[0], "--yes")[0] == 0
    monkeypatch.setenv("RESEEN_CACHE", str(tmp_path / "cache"))
    assert reseen_says("index", filled / "run", "--data", crowd, "--gallery", gallery, "--quiet")[0] == 0
    (entry,) = (tmp_path / "cache" / "pixels").iterdir()
    assert len(np.load(entry / "pixels.npy", mmap_mode="r")) == len(names) - 1


def test_a_file_list_that_cannot_be_written_stops_before_anything_goes(fault, gallery, crowd, tmp_path):
    name = reseen.read_training(crowd).paths[0]
    (tmp_path / "file").write_text("")
    assert "cannot be written" in fault(
        "forget", gallery, "--image", name, "--files", tmp_path / "file" / "x", "--yes"
    )
    with reseen.open_gallery(gallery) as opened:
        assert list(opened.store.scan(reseen.Filter(images=(name,))))


def test_forgetting_who_is_like_an_image(reseen_says, gallery, crop, tmp_path):
    page = tmp_path / "look.html"
    words = ("forget", gallery, "--like", crop, "--threshold", "0.9999", "--page", page)
    code, out, err = reseen_says(*words)
    assert code == 0, err
    assert "Would delete" in out
    assert "Near misses" in page.read_text()
    assert "remain in the gallery" not in out
    assert "would remain. Whether these, or less similar ones, show the person was not checked" in out
    everybody = reseen_says(*words[:5], "0.0", "--page", page, "--rounds", "-1")[1]
    assert "round by round" in everybody
    assert "nothing new appears" in everybody
    code, out, _ = reseen_says(*words, "--yes")
    assert code == 0
    assert "none of their keys is left" in out
    assert "remain in the gallery" in out


def test_faults_are_one_line_that_says_what_to_do(fault, filled, crowd, crop, tmp_path):
    gallery = filled / "gallery"
    assert "name one or more image files" in fault("search", gallery)
    assert "--top must be at least 1" in fault("search", gallery, crop, "--top", 0)
    assert "no camera 'cx' in this gallery" in fault("search", gallery, crop, "--camera", "cx")
    assert "give seconds" in fault("search", gallery, crop, "--after", "noon")
    assert "swap them" in fault("search", gallery, crop, "--after", "5", "--before", "4")
    (tmp_path / "no.jpg").write_text("no image")
    assert "give an image of one person" in fault("search", gallery, tmp_path / "no.jpg")
    assert "no such" in fault("search", gallery, tmp_path / "none.jpg").lower()
    assert "gallery" in fault("search", tmp_path / "nowhere", crop)
    assert "exactly one of --image, --cluster, --like and --person" in fault("forget", gallery)
    assert "beside --like" in fault("forget", gallery, "--image", "a", "--threshold", "0.5")
    assert "no similarity threshold is known" in fault("forget", gallery, "--like", crop)
    assert "not a run of `reseen train`" in fault(
        "index", crowd, "--data", crowd, "--gallery", tmp_path / "g"
    )

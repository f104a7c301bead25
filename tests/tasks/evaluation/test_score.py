"""Scoring a run on video and with mirrored features, against the encoder asked crop by crop."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import reseen
from reseen.camera_means import CameraMeans, camera_centers
from reseen.data.evaluation_table import EvaluationTable
from reseen.data.occlusion import Occlusion
from reseen.data.views import normalize
from reseen.errors import DataError
from reseen.evaluate import ScoringOptions
from reseen.runs.camera_file import camera_means_of
from reseen.tasks.evaluation.score import Benchmark, read_benchmark, retrieve


@pytest.fixture
def run(untrained_run):
    return untrained_run


def with_tracklets(table, size=3):
    """Crops of one person under one camera, three by three."""
    pairs = {}
    numbers = []
    for person, camera in zip(table.identities, table.images.cameras, strict=True):
        count = pairs[person, camera] = pairs.get((person, camera), 0) + 1
        numbers.append(hash((int(person), int(camera), (count - 1) // size)) % 10**9)
    images = reseen.ImageTable(
        table.images.root, table.images.paths, table.images.cameras, table.images.camera_names,
        tracklets=np.unique(numbers, return_inverse=True)[1],
    )  # fmt: skip
    return EvaluationTable(images, table.identities)


def slowly(run, retrieval, crops, mirrored):
    """The neck's vectors, one crop at a time."""
    encoder = run.encoder()
    rows = []
    for row in range(len(crops)):
        image = normalize(crops.images(torch.tensor([row])), encoder.mean, encoder.std)
        images = [image, image.flip(3)] if mirrored else [image]
        with torch.no_grad():
            vectors = [encoder.neck(encoder.pooling(encoder.maps(one), None))[0].double() for one in images]
        rows.append(torch.stack(vectors).mean(dim=0))
    return torch.stack(rows)


@pytest.mark.parametrize("mirrored", [False, True])
def test_frames_are_averaged_before_the_sphere(run, crowd, mirrored):
    benchmark = read_benchmark(crowd)
    video = Benchmark(with_tracklets(benchmark.query), with_tracklets(benchmark.gallery), protocol="video")
    retrieval = retrieve(run, video, mirrored=mirrored, quiet=True)
    plain = retrieve(run, benchmark, quiet=True)
    frames = slowly(run, retrieval, plain.gallery, mirrored)
    tracklets = video.gallery.images.tracklets
    for row in (0, 1, len(retrieval.gallery) - 1):
        number = retrieval.gallery.table.tracklets[row]
        mean = frames[torch.from_numpy(tracklets == number)].mean(dim=0)
        expected = (mean / mean.norm()).float()
        torch.testing.assert_close(retrieval.task.gallery.vectors[row], expected, atol=1e-4, rtol=0)
    found = retrieval.score()
    assert found.gallery == len(np.unique(tracklets)) < len(benchmark.gallery)
    assert found.to_json()["rules"]["tracklets"] == "mean over frames, then normalized once"
    assert found.to_json()["rules"]["mirrored_features"] is mirrored
    assert found.protocol == "video"


def test_mirrored_features_are_those_of_both_images(run, crowd):
    benchmark = read_benchmark(crowd)
    few = Benchmark(benchmark.query.select(range(6)), benchmark.gallery.select(range(20)))
    plain, mirrored = (retrieve(run, few, mirrored=value, quiet=True) for value in (False, True))
    encoder = run.encoder()
    image = normalize(plain.query.images(torch.tensor([2])), encoder.mean, encoder.std)
    with torch.no_grad():
        both = (encoder(image) + encoder(image.flip(3)))[0]
    torch.testing.assert_close(mirrored.task.query.vectors[2], both / both.norm(), atol=1e-5, rtol=0)
    assert not torch.allclose(plain.task.query.vectors, mirrored.task.query.vectors, atol=1e-3)
    assert plain.task.preparation.mirrored is False


def test_occluded_queries_are_tracklets_too(run, crowd):
    benchmark = read_benchmark(crowd)
    video = Benchmark(with_tracklets(benchmark.query), with_tracklets(benchmark.gallery), protocol="video")
    retrieval = retrieve(run, video, occlusions=[Occlusion(half="upper")], quiet=True)
    hidden = retrieval.occluded_scores()["upper half only"]
    assert hidden.queries == retrieval.score().queries


def test_data_without_tracklets_cannot_be_scored_as_video(run, crowd):
    with pytest.raises(DataError, match="the protocol video needs tracklets, this data has none"):
        reseen.score(run, crowd, options=ScoringOptions(protocol="video"), quiet=True)


def test_cameras_are_centered_by_the_means_of_gallery_and_run(run, crowd):
    benchmark = read_benchmark(crowd)
    plain = retrieve(run, benchmark, occlusions=[Occlusion(half="upper")], quiet=True)
    assert plain.why_not_centered == ""
    centered = plain.centered()
    centers = camera_centers(
        CameraMeans.measure(
            plain.task.gallery.numpy, plain.task.gallery_cameras, plain.gallery.table.camera_names
        ),
        camera_means_of(run),
    )
    for before, after, cameras in (
        (plain.task.query, centered.task.query, plain.task.query_cameras),
        (plain.task.gallery, centered.task.gallery, plain.task.gallery_cameras),
        (plain.occluded["upper half only"].query, centered.occluded["upper half only"].query,
         plain.task.query_cameras),
    ):  # fmt: skip
        names = [plain.gallery.table.camera_names[camera] for camera in cameras]
        np.testing.assert_allclose(after.numpy, centers.center(before.numpy, names), atol=1e-6)
    rules = centered.score().to_json()["rules"]
    assert "sightings at that of training" in rules["camera_centering"]
    assert plain.score().to_json()["rules"]["camera_centering"] == "none"
    asked = reseen.score(run, crowd, center_cameras=True, quiet=True)
    assert asked.mean_average_precision == centered.score().mean_average_precision


def test_why_cameras_are_not_centered(run, crowd):
    benchmark = read_benchmark(crowd)
    tables = benchmark.query.images, benchmark.gallery.images
    nameless = Benchmark(*(
        EvaluationTable(reseen.ImageTable(table.root, table.paths, table.cameras * 0 - 1), side.identities)
        for table, side in zip(tables, (benchmark.query, benchmark.gallery), strict=True)
    ))  # fmt: skip
    assert retrieve(run, nameless, quiet=True).why_not_centered == "no camera of the gallery is known"
    off = replace(run, recipe=run.recipe.model_copy(update={"cameras": False}))
    retrieval = retrieve(off, benchmark, quiet=True)
    assert "switched off" in retrieval.why_not_centered
    with pytest.raises(DataError, match="cameras cannot be centered: the run was trained with cameras"):
        retrieval.centered()
    renamed = Benchmark(*(
        EvaluationTable(replace(table, camera_names=("x", "y", "z")), side.identities)
        for table, side in zip(tables, (benchmark.query, benchmark.gallery), strict=True)
    ))  # fmt: skip
    assert "that training did not see are too few" in retrieve(run, renamed, quiet=True).why_not_centered

"""Scoring a run on video and with mirrored features, against the encoder asked crop by crop."""

import numpy as np
import pytest
import torch

import reseen
from reseen.data.evaluation_table import EvaluationTable
from reseen.data.views import normalize
from reseen.errors import DataError
from reseen.evaluate import ScoringOptions
from reseen.tasks.evaluation.score import Benchmark, read_benchmark, retrieve


@pytest.fixture(scope="module")
def run(crowd, tmp_path_factory):
    flags = [
        "--model.backbone", "mobilenetv3_small_050", "--model.weights", "none", "--model.norm-group", "8",
        "--data.height", "64", "--data.width", "32", "--method.sampler.clusters-per-batch", "4",
        "--method.sampler.images-per-cluster", "4", "--train.rounds", "0", "--train.device", "cpu",
    ]  # fmt: skip
    recipe = reseen.load_recipe("cluster-contrast", flags)
    return reseen.train(recipe, crowd, tmp_path_factory.mktemp("score") / "run", quiet=True)


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
    from reseen.data.occlusion import Occlusion

    benchmark = read_benchmark(crowd)
    video = Benchmark(with_tracklets(benchmark.query), with_tracklets(benchmark.gallery), protocol="video")
    retrieval = retrieve(run, video, occlusions=[Occlusion(half="upper")], quiet=True)
    hidden = retrieval.occluded_scores()["upper half only"]
    assert hidden.queries == retrieval.score().queries


def test_data_without_tracklets_cannot_be_scored_as_video(run, crowd):
    with pytest.raises(DataError, match="the protocol video needs tracklets, this data has none"):
        reseen.score(run, crowd, options=ScoringOptions(protocol="video"), quiet=True)

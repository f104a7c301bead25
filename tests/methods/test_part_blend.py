"""Clustering by whole images and their halves, in methods that contrast with centroids."""

import numpy as np
import pytest
import torch

import reseen
from reseen.cluster import blend_parts, center_cameras
from reseen.data.views import normalize
from reseen.errors import SettingsError
from reseen.features.extract import extract
from reseen.geometry import unit
from reseen.methods.part_blend import WITHOUT_HALVES
from reseen.models import Encoder, ModelSettings
from reseen.models.ema import unwrapped
from reseen.models.patch_stage import TrunkMaps
from reseen.records import Features
from reseen.training.setup import set_up

CPU = torch.device("cpu")
BLEND = {"half_weight": 0.15}


def set_up_blend(recipe_of, crowd, tmp_path, name="cluster-contrast", **values):
    recipe = recipe_of(name, part_blend=BLEND, **values)
    return set_up(recipe, reseen.read_training(crowd), tmp_path / "run", quiet=True)


@pytest.mark.parametrize("rows", [1, 4, 5])
def test_the_blocks_are_the_pooled_whole_and_halves_with_the_roots_of_their_weights(rows):
    torch.manual_seed(0)
    encoder = Encoder(ModelSettings(backbone="resnet10t", weights="none"), 64, 32).eval()
    maps = torch.rand(3, encoder.channels, rows, 2)
    twin = encoder.with_halves(0.15)
    assert (twin.dimension, encoder.dimension) == (3 * encoder.channels, encoder.channels)
    found = twin.embed_all(TrunkMaps(maps, maps)).split(encoder.channels, dim=1)
    upper = [maps[:, :, row] for row in range(rows) if row < rows / 2]
    lower = [maps[:, :, row] for row in range(rows) if row + 1 > rows / 2]
    for block, region, weight in zip(found, (maps, upper, lower), (0.7, 0.15, 0.15), strict=True):
        region = region if isinstance(region, torch.Tensor) else torch.stack(region, dim=2)
        torch.testing.assert_close(block, weight**0.5 * encoder.embed(region))
    torch.testing.assert_close(
        encoder.embed_all(TrunkMaps(maps, maps)), encoder.embed(maps)
    )  # itself as before
    assert {id(value) for value in twin.parameters()} == {id(value) for value in encoder.parameters()}


@pytest.mark.parametrize("centered", [True, False])
def test_a_round_clusters_the_blend_of_blocks_each_centered_by_camera(
    recipe_of, crowd, tmp_path, monkeypatch, centered
):
    training = set_up_blend(recipe_of, crowd, tmp_path, center_cameras=centered)
    method, encoder = training.method, unwrapped(training.encoder)
    features = extract(method.extractor(), training.crops, CPU)
    seen = []
    monkeypatch.setattr(
        method, "_cluster", lambda given, inner=method._cluster: seen.append(given) or inner(given)
    )
    clustering = method.begin_round(features, 1).clustering
    blocks = [Features(unit(block)) for block in features.vectors.split(encoder.channels, dim=1)]
    parts = [center_cameras(block, training.crops.cameras) for block in blocks] if centered else blocks
    torch.testing.assert_close(seen[0].vectors, blend_parts(parts, (0.7, 0.15, 0.15)).vectors)
    members = torch.from_numpy(clustering.labels.labels == 0)
    mean = unit(blocks[0].vectors[members].sum(dim=0, keepdim=True))[0]
    torch.testing.assert_close(method.memory.vectors[0], mean)  # the memory is of whole images
    assert WITHOUT_HALVES not in clustering.notes


def test_the_first_block_of_extracted_features_is_the_embedding_of_whole_images(recipe_of, crowd, tmp_path):
    training = set_up_blend(recipe_of, crowd, tmp_path)
    encoder = unwrapped(training.encoder)
    whole = extract(encoder, training.crops, CPU).vectors
    blended = extract(training.method.extractor(), training.crops, CPU).vectors
    torch.testing.assert_close(unit(blended[:, : encoder.channels]), whole)
    images = normalize(training.crops.images(torch.arange(2)), encoder.mean, encoder.std)
    assert encoder(images).shape == (2, encoder.channels)  # training and scoring know no halves


def test_features_of_whole_images_are_clustered_as_they_are_and_the_notes_say_so(recipe_of, crowd, tmp_path):
    training = set_up_blend(recipe_of, crowd, tmp_path)
    features = extract(training.encoder, training.crops, CPU)
    blended = training.method.recluster(features)
    plain = set_up(recipe_of("cluster-contrast"), reseen.read_training(crowd), tmp_path / "other", quiet=True)
    expected = plain.method.recluster(features)
    assert np.array_equal(blended.labels.labels, expected.labels.labels)
    assert blended.notes == (*expected.notes, WITHOUT_HALVES)


def test_the_teacher_s_halves_are_clustered_where_the_teacher_is(recipe_of, crowd, tmp_path):
    training = set_up_blend(recipe_of, crowd, tmp_path, "maskpre", cluster_with="teacher")
    extractor, teacher = training.method.extractor(), training.method._teacher.encoder
    assert extractor.dimension == 3 * teacher.channels
    assert next(extractor.parameters()) is next(teacher.parameters())


def test_tokens_have_no_halves():
    encoder = Encoder(ModelSettings(backbone="vit_tiny_patch16_224", weights="none"), 64, 32)
    with pytest.raises(
        SettingsError, match=r"half_weight: vit_tiny_patch16_224 outputs tokens, halves need a feature"
    ):
        encoder.with_halves(0.15)

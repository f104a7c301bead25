"""What cameras add to the contrast with centroids, in every method that has one."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.methods.test_conformance import SETTINGS
from tests.steady import far_apart

from reseen.config import merge
from reseen.errors import SettingsError
from reseen.features.extract import extract
from reseen.losses import inter_camera_contrast
from reseen.memory import CameraProxies
from reseen.methods import MethodContext
from reseen.methods.camera_contrast import CameraContrast, CameraContrastSettings
from reseen.records import contiguous, to_index_tensor
from reseen.runs.recipe import Recipe, load_recipe
from reseen.testing import MethodConformance, conformance
from reseen.testing import conformance_crowd as conformance_crowd
from reseen.testing.conformance import TINY

ALL = {"proxy_weight": 0.5, "entropy_weights": True, "mask_negatives": True, "from_round": 1}


def around(cameras):
    return MethodContext(None, cameras, torch.Generator(), torch.device("cpu"))


def begun(seed=0, rounds=1, cameras=3, **values):
    generator = np.random.default_rng(seed)
    features = torch.nn.functional.normalize(torch.from_numpy(generator.normal(size=(24, 6))).float(), dim=1)
    labels, of_crops = contiguous(generator.integers(-1, 6, 24)), generator.integers(-1, cameras, 24)
    contrast = CameraContrast(CameraContrastSettings.model_validate(values), around(of_crops))
    for _ in range(rounds):
        contrast.begin_round(features, labels)
    clustered = torch.from_numpy(np.flatnonzero(labels.labels >= 0))
    index, known = to_index_tensor(labels.labels), to_index_tensor(of_crops)
    return contrast, features, index, known, clustered


@settings(max_examples=40)
@given(seed=st.integers(0, 1000))
def test_only_a_cluster_of_one_camera_that_a_cluster_lacks_is_no_negative_of_it(seed):
    contrast, _, labels, cameras, clustered = begun(seed, mask_negatives=True, from_round=1)
    excluded = contrast.excluded(labels[clustered])
    seen = {int(label): set(cameras[labels == label].tolist()) for label in labels.unique() if label >= 0}
    for row, label in zip(excluded, labels[clustered].tolist(), strict=True):
        for cluster, out in enumerate(row.tolist()):
            alone = len(seen[cluster]) == 1 and -1 not in seen[cluster]
            assert out == (alone and -1 not in seen[label] and not seen[cluster] & seen[label])
        assert not row[label]


def test_the_term_is_the_weighted_loss_with_the_proxies_of_the_round():
    contrast, features, labels, cameras, rows = begun(proxy_weight=0.3, hardest_negatives=2, from_round=1)
    proxies = CameraProxies(features, labels, cameras)
    batch = features[rows], labels[rows], cameras[rows]
    expected = 0.3 * inter_camera_contrast(
        *batch, proxies.vectors, proxies.labels, proxies.cameras, hardest=2, temperature=0.07
    )
    assert torch.equal(contrast.terms(*batch)["inter_camera"], expected)
    contrast.after_step(*batch)
    assert torch.equal(contrast.terms(*batch)["inter_camera"], expected)  # fixed for the round


def test_momentum_proxies_follow_the_features():
    contrast, features, labels, cameras, rows = begun(proxy_weight=1, proxy_momentum=0.2, from_round=1)
    batch = features[rows], labels[rows], cameras[rows]
    before = float(contrast.terms(*batch)["inter_camera"])
    contrast.after_step(features[rows].flip(0), labels[rows], cameras[rows])
    assert float(contrast.terms(*batch)["inter_camera"]) != before


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_nothing_is_added_before_the_first_round_of_it(rounds):
    contrast, features, labels, cameras, rows = begun(rounds=rounds, **{**ALL, "from_round": 3})
    batch = features[rows], labels[rows], cameras[rows]
    added = [contrast.terms(*batch) or None, contrast.weights(batch[1]), contrast.excluded(batch[1])]
    assert all((part is not None) == (rounds >= 3) for part in added)


def test_a_restored_count_goes_on():
    contrast, *_ = begun(rounds=2, **{**ALL, "from_round": 3})
    later, features, labels, cameras, rows = begun(rounds=0, **{**ALL, "from_round": 3})
    later.restore(contrast.state())
    later.begin_round(features, contiguous(labels.numpy()))
    assert later.terms(features[rows], labels[rows], cameras[rows])
    unused, *_ = begun()
    assert unused.state() == {}
    unused.restore({})


@pytest.mark.parametrize("cameras", [0, 1])
def test_no_camera_and_a_single_camera_change_nothing(cameras):
    contrast, features, labels, known, rows = begun(cameras=cameras, **ALL)
    batch = features[rows], labels[rows], known[rows]
    assert float(sum(contrast.terms(*batch).values())) == 0
    assert (contrast.weights(batch[1]) == 1).all()
    assert not contrast.excluded(batch[1]).any()
    off = CameraContrast(CameraContrastSettings.model_validate(ALL), around(None))
    off.begin_round(features, contiguous(labels.numpy()))
    assert (off.terms(*batch), off.weights(batch[1]), off.excluded(batch[1])) == ({}, None, None)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ("--method.camera-contrast.from-round 3", "method.camera_contrast.from_round"),
        ("--method.camera-contrast.hardest-negatives 9", "method.camera_contrast.hardest_negatives"),
        ("--cameras false --method.camera-contrast.entropy-weights true", "set cameras to true"),
        ("--train.rounds 1 --method.camera-contrast.mask-negatives true", "set train.rounds to 2 or more"),
    ],
)
def test_a_setting_without_effect_is_refused(flags, named):
    with pytest.raises(SettingsError, match=named):
        load_recipe("cluster-contrast", flags.split())


def test_global_patch_has_them_for_clusters_alone():
    flag = ("--method.clusters.camera-contrast.entropy-weights", "true")
    with pytest.raises(SettingsError, match=r"method\.branch"):
        load_recipe("global-patch", flag)
    with pytest.raises(SettingsError, match="set cameras to true"):
        load_recipe("global-patch", (*flag, "--cameras", "false", "--method.branch", "clusters",
                                     "--method.sampler.images-per-cluster", "4"))  # fmt: skip


class Steady(MethodConformance):
    """Clusters of nine crops under two or three cameras, on every processor."""

    @pytest.fixture(autouse=True)
    def clusters_over_cameras(self, monkeypatch):
        def of_groups(*arguments, **options):
            features = extract(*arguments, **options)
            return far_apart(features, torch.arange(len(features)) // 9)

        monkeypatch.setattr(conformance, "extract", of_groups)


class TestClusterContrastWithCameras(Steady):
    name = "cluster-contrast"
    settings: ClassVar = {**SETTINGS["cluster-contrast"], "camera_contrast": {**ALL, "proxy_momentum": 0.5}}


class TestMaskPreWithCameras(Steady):
    name = "maskpre"
    settings: ClassVar = {**SETTINGS["maskpre"], "classes": "classifier", "camera_contrast": ALL}


class TestGlobalPatchWithCameras(Steady):
    name = "global-patch"
    settings: ClassVar = {
        "branch": "clusters",
        "sampler": {"clusters_per_batch": 4, "images_per_cluster": 4},
        "discrimination": {"weight": 0},
        "image_patches": {"weight": 0},
        "clusters": {"clustering": {"eps": "auto", "jaccard": {"k1": 8, "k2": 3}}, "camera_contrast": ALL},
    }
    recipe_settings: ClassVar = {"model": {"patches": {"count": 2, "dimension": 8}}}


def test_a_run_that_is_resumed_in_the_round_in_which_they_begin_ends_in_the_same_bits(
    conformance_crowd, tmp_path, monkeypatch
):
    suite = TestClusterContrastWithCameras()
    suite.settings = {**SETTINGS["cluster-contrast"], "camera_contrast": {**ALL, "from_round": 3}}
    recipe = Recipe.parse(
        merge(
            {**TINY, "train": {**TINY["train"], "rounds": 3}},
            {"method": {"name": suite.name, **suite.settings}},
        ),
        suite.name,
    )
    suite.test_a_stopped_run_goes_on_to_the_same_bits(recipe, conformance_crowd, tmp_path, monkeypatch)

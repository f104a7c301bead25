"""Fixtures that all tests share. Data and weights are looked for above the project."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

# Loops that are compiled in the first example, and busy machines, are no faults.
settings.register_profile("reseen", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("reseen")

_PROJECT = Path(__file__).resolve().parents[1]
SEED = int(os.environ.get("RESEEN_TEST_SEED", "0"))
"""Of the drawn crowd, and of the weights and batches of tiny runs: no test may depend on which it is."""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests never write to the cache, nor to the state, of the person who runs them."""
    monkeypatch.setenv("RESEEN_CACHE", str(tmp_path_factory.getbasetemp() / "reseen-cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))


@pytest.fixture
def no_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans do not time a start of Python, which takes some seconds; `tests/plan/test_benchmark.py` does."""
    from reseen.plan.estimate import PlanStage

    def found(*modules: str) -> PlanStage:
        assert all(find_spec(module) for module in modules)
        return PlanStage("start-up", 1.0)

    for module in ("clustering", "embedding", "training"):
        monkeypatch.setattr(f"reseen.plan.{module}.startup_stage", found)


@pytest.fixture(scope="session")
def market_root() -> Path:
    """Market-1501, where it is at hand."""
    return _shared("data/market1501")


@pytest.fixture(scope="session")
def weights_file() -> Path:
    """MobileNetV2 weights trained on ImageNet, where they are at hand."""
    return _shared("weights/mobilenetv2_100.safetensors")


@pytest.fixture
def make_images(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes small images of noise: `make_images("a/1.jpg", "b/2.png", size=(64, 128))`.

    Names are relative to a folder that is returned; `size` is width and height in pixels.
    """

    def make(*names: str, folder: str = "images", size: tuple[int, int] = (32, 64), seed: int = 0) -> Path:
        root = tmp_path / folder
        generator = np.random.default_rng(seed)
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path, quality=95)
        return root

    return make


def _shared(inside: str) -> Path:
    given = os.environ.get("RESEEN_SHARED")
    places = [Path(given)] if given else [folder / "shared" for folder in _PROJECT.parents]
    for place in places:
        if (place / inside).exists():
            return place / inside
    pytest.skip(f"no shared/{inside} above the project, nor below $RESEEN_SHARED")


@pytest.fixture(scope="session")
def crowd(tmp_path_factory):
    """A drawn crowd of twelve people and three cameras, 64 x 32 pixels: six to learn from, six to be found."""
    from reseen.synthetic import draw_crowd

    folder = tmp_path_factory.mktemp("crowd") / "crowd"
    draw_crowd(folder, people=12, cameras=3, seed=SEED, height=64, width=32, processes=1, progress=False)
    return folder


@pytest.fixture(scope="module")
def untrained_run(crowd, tmp_path_factory):
    """A run of no rounds on the drawn crowd, one for each file of tests."""
    import reseen

    flags = [
        "--model.backbone", "test_efficientnet", "--model.weights", "none", "--model.norm-group", "8",
        "--data.height", "64", "--data.width", "32", "--method.sampler.clusters-per-batch", "4",
        "--method.sampler.images-per-cluster", "4", "--train.rounds", "0", "--train.device", "cpu",
    ]  # fmt: skip
    recipe = reseen.load_recipe("cluster-contrast", flags)
    return reseen.train(recipe, crowd, tmp_path_factory.mktemp("untrained") / "run", quiet=True)


@pytest.fixture
def tiny_flags():
    """Settings under which a run takes a second or two."""
    return [
        "--model.backbone", "test_efficientnet", "--model.weights", "none", "--model.norm-group", "8",
        "--data.height", "64", "--data.width", "32", "--method.sampler.clusters-per-batch", "4",
        "--method.sampler.images-per-cluster", "4", "--method.clustering.jaccard.k1", "8",
        "--method.clustering.jaccard.k2", "3",
        "--method.clustering.eps", "auto", "--train.rounds", "2", "--train.iterations", "3", "--train.device", "cpu",
        *(["--seed", str(SEED)] if SEED else []),
    ]  # fmt: skip


@pytest.fixture
def recipe_of(tiny_flags, crowd, tmp_path_factory):
    """A function from a method's name to a tiny recipe of it; settings that the method does not have are left out."""
    from reseen.config import merge, parse_flags
    from reseen.data.labels import write_labels
    from reseen.datasets import read_splits
    from reseen.methods import METHODS
    from reseen.runs.recipe import Recipe

    def make(name, **method_settings):
        if name == "maskpre":  # the map of tiny crops has 4 x 2 cells
            method_settings = {"mask": {"block": 2, "ramp": 0}, **method_settings}
        model = {}
        if name == "global-patch":
            model = {"patches": {"count": 2, "dimension": 8}}
            tiny = {
                "sampler": {"clusters_per_batch": 8, "images_per_cluster": 1},
                "credible": {"count": 4, "threshold": 0.1},
                "warmup": 0,
                "image_patches": {"dimension": 4},
            }
            method_settings = {**tiny, **method_settings}
        data = {}
        if name == "source":
            data = {"labels": str(tmp_path_factory.mktemp("labels") / "labels.csv")}
            write_labels(Path(data["labels"]), read_splits(crowd, names=("train",))["train"])
        tiny_values, own = parse_flags(tiny_flags), METHODS[name].settings.model_fields.get("clustering")
        chosen = method_settings.get("clustering", {}).get("name", own and own.default.name)
        if chosen != "dbscan":
            del tiny_values["method"]["clustering"]
        values = merge(
            tiny_values,
            {"data": data, "model": model, "method": {"name": name, **method_settings}},
        )
        known = METHODS[name].settings.model_fields
        values["method"] = {key: value for key, value in values["method"].items() if key in known}
        return Recipe.parse(values, name)

    return make

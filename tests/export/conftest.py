"""One tiny run and one ONNX file of it, shared by all tests of exports."""

import pytest

import reseen


@pytest.fixture(scope="session")
def tiny_run(crowd, tmp_path_factory):
    """A run of one round on the drawn crowd; not to be changed."""
    flags = [
        "--model.backbone", "test_resnet", "--model.weights", "none", "--model.norm-group", "8",
        "--data.height", "64", "--data.width", "32", "--method.sampler.clusters-per-batch", "4",
        "--method.sampler.images-per-cluster", "4", "--method.clustering.jaccard.k1", "8",
        "--method.clustering.jaccard.k2", "3",
        "--method.clustering.eps", "auto", "--train.rounds", "1", "--train.iterations", "3", "--train.device", "cpu",
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("export") / "run"
    return reseen.train(reseen.load_recipe("cluster-contrast", flags), crowd, folder, quiet=True)


@pytest.fixture(scope="session")
def onnx_export(tiny_run, tmp_path_factory):
    """The tiny run as ONNX, pixels of any size in."""
    out = tmp_path_factory.mktemp("export") / "model.onnx"
    return reseen.export_run(tiny_run, out, license="drawn, free", quiet=True)

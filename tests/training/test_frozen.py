"""Runs with frozen stages: kept outputs and folded copies are there, and a resumed run goes on to the same bits."""

import pytest
import torch

import reseen
from reseen.features import extract as extraction
from reseen.runs.checkpoint import CHECKPOINT
from reseen.training import loop

FLAGS = """
--model.backbone test_resnet --model.weights none --model.norm-group 8 --model.frozen-stages 2
--data.height 64 --data.width 32 --train.iterations 2 --train.schedule constant --train.device cpu
--train.mirrored-features true --method.clustering.jaccard.k1 8
--method.clustering.jaccard.k2 3 --method.clustering.eps auto
--method.sampler.clusters-per-batch 4 --method.sampler.images-per-cluster 2
""".split()  # noqa: SIM905


def recipe_of(precision, rounds=2):
    return reseen.load_recipe(
        "cluster-contrast", [*FLAGS, "--train.precision", precision, "--train.rounds", str(rounds)]
    )


def test_a_flag_names_each_precision():
    assert [recipe_of(name).train.precision for name in ("32", "bf16-mixed", "auto")] == [
        "32",
        "bf16-mixed",
        "auto",
    ]


def weights_of(run):
    return dict(run.encoder().state_dict())


@pytest.mark.parametrize("precision", ["32", "auto"])
def test_a_stopped_run_goes_on_to_the_same_bits(crowd, tmp_path, precision):
    whole = reseen.train(recipe_of(precision), crowd, tmp_path / "whole", quiet=True)

    class StopError(Exception):
        """The process is killed in the second round."""

    def stop(number, _labels):
        if number == 2:
            raise StopError

    with pytest.raises(StopError):
        reseen.train(recipe_of(precision), crowd, tmp_path / "run", quiet=True, on_clusters=stop)
    resumed = reseen.train(recipe_of(precision), crowd, tmp_path / "run", quiet=True, resume=True)
    assert (tmp_path / "run" / CHECKPOINT).is_file()
    for name, value in weights_of(resumed).items():
        assert torch.equal(value, weights_of(whole)[name]), name


def test_outputs_that_are_kept_change_no_bit(crowd, tmp_path, monkeypatch):
    kept = reseen.train(recipe_of("32"), crowd, tmp_path / "kept", quiet=True)
    asked = []

    def without(*arguments, **options):
        asked.append(options.pop("kept"))
        return extraction.extract(*arguments, **options)

    monkeypatch.setattr(loop, "extract", without)
    plain = reseen.train(recipe_of("32"), crowd, tmp_path / "plain", quiet=True)
    assert len(asked) == 2
    assert asked[1].holds(torch.tensor([0])) is False  # nothing was written where it was not used
    for name, value in weights_of(plain).items():
        assert torch.equal(value, weights_of(kept)[name]), name

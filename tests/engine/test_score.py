import json

import pytest
from tests.data.readers.trees import plant

import reseen
from reseen.data.readers import Layout
from reseen.engine.score import read_benchmark
from reseen.errors import DataError, SettingsError


def test_a_benchmark_says_what_it_is(tmp_path, crowd):
    assert read_benchmark(crowd).name == "Market-1501"
    root = plant(tmp_path, Layout.CUHK03)
    assert read_benchmark(root, variant="labeled").name == "CUHK03, new protocol, labeled boxes"
    assert read_benchmark(root).protocol == "market"


@pytest.mark.parametrize(
    ("layout", "variant", "protocol"),
    [
        (Layout.MARS, None, "video"),
        (Layout.CUHK03, "classic-labeled-7", "cuhk03-classic"),
        (Layout.VEHICLEID, "medium", "vehicle-id"),
    ],
)
def test_other_rules_than_those_of_market_are_refused(tmp_path, layout, variant, protocol):
    with pytest.raises(DataError, match=rf"scored by the protocol '{protocol}'.* means nothing"):
        read_benchmark(plant(tmp_path, layout), variant=variant)


def test_a_variant_that_fits_is_suggested(tmp_path):
    with pytest.raises(DataError, match="variants that they fit: small-1, small-2"):
        read_benchmark(plant(tmp_path, Layout.VEHICLEID))
    with pytest.raises(SettingsError, match="did you mean 'small-1"):
        read_benchmark(plant(tmp_path, Layout.VEHICLEID), variant="smal-1")


def test_a_run_says_how_its_data_was_read(tmp_path, crowd, tiny_flags):
    recipe = reseen.load_recipe("cluster-contrast", [*tiny_flags, "--data.variant", "standard"])
    run = reseen.train(recipe, crowd, tmp_path / "run", quiet=True)
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["read_as"].startswith("Market-1501 layout, ")
    assert (
        reseen.score(run, crowd, layout="market1501", variant="standard", quiet=True).mean_average_precision
        > 0
    )

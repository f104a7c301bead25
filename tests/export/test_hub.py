"""Publishing on the Hub and loading from it, with a hub on this machine in place of the public one."""

import json

import numpy as np
import pytest
import yaml
from tests.export.hub_server import hub_server

import reseen
from reseen.cli import main
from reseen.datasets import read_training


@pytest.fixture
def run(recipe_of, crowd, tmp_path_factory):
    """A run of two rounds, made once; not to be changed."""
    folder = tmp_path_factory.getbasetemp() / "pretrained"
    if not folder.exists():
        reseen.train(recipe_of("cluster-contrast"), crowd, folder, quiet=True)
    return reseen.open_run(folder)


@pytest.fixture
def hub(monkeypatch):
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with hub_server() as server:
        yield server


def test_a_published_encoder_comes_back_as_it_was(run, crowd, hub, tmp_path):
    address = reseen.push_to_hub(
        run, "me/encoder", license="apache-2.0", token=hub.token, endpoint=hub.endpoint
    )
    assert address == f"{hub.endpoint}/me/encoder"
    assert hub.files["me/encoder"].keys() - {".gitattributes"} == {
        "config.json",
        "model.safetensors",
        "README.md",
    }
    assert hub.private == {"me/encoder": True}
    loaded = reseen.from_pretrained("me/encoder", endpoint=hub.endpoint, cache_dir=tmp_path)
    files = [crowd / path for path in read_training(crowd).paths[:3]]
    np.testing.assert_array_equal(loaded.embed(files), reseen.load(run).embed(files))


def test_the_card_is_for_readers_and_for_the_hub(run, hub):
    reseen.push_to_hub(run, "me/encoder", license="mit", token=hub.token, endpoint=hub.endpoint)
    card = hub.files["me/encoder"]["README.md"].decode()
    _, head, body = card.split("---\n", 2)
    assert yaml.safe_load(head)["license"] == "mit"
    assert yaml.safe_load(head)["library_name"] == "reseen"
    assert 'reseen.from_pretrained("me/encoder")' in body
    assert str(run.folder.parent) not in card
    config = json.loads(hub.files["me/encoder"]["config.json"])
    assert config["dimension"] == reseen.load(run).dimension


def test_the_command_publishes_what_the_function_does(run, hub, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", hub.token)
    flags = ["--name", "me/mine", "--public", "--endpoint", hub.endpoint]
    assert main(["push", str(run.folder), *flags]) == 0
    assert 'reseen.from_pretrained("me/mine")' in capsys.readouterr().out
    assert hub.private == {"me/mine": False}


def test_what_the_hub_refuses_is_one_line(run, hub, tmp_path):
    faults = {
        "a wrong token": lambda: reseen.push_to_hub(run, "me/x", token="hf_no", endpoint=hub.endpoint),
        "no name": lambda: reseen.push_to_hub(run, "a b/c/d", token=hub.token, endpoint=hub.endpoint),
    }
    for fault in faults.values():
        with pytest.raises(reseen.ExportError, match="cannot be published") as caught:
            fault()
        assert "\n" not in str(caught.value)
    for name in ("me/unknown", "a b/c/d"):
        with pytest.raises(reseen.WeightsError, match="cannot be loaded from the Hub") as caught:
            reseen.from_pretrained(name, endpoint=hub.endpoint, cache_dir=tmp_path)
        assert "\n" not in str(caught.value)


def test_a_model_of_another_library_is_refused(hub, tmp_path):
    hub.files["other/model"] = {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"x"}
    with pytest.raises(reseen.WeightsError, match="not the settings of an encoder of reseen"):
        reseen.from_pretrained("other/model", endpoint=hub.endpoint, cache_dir=tmp_path)


def test_a_hub_that_nobody_answers_for_is_one_line(run, tmp_path):
    with hub_server() as hub:
        gone = hub.endpoint
    with pytest.raises(reseen.WeightsError, match="cannot be loaded from the Hub"):
        reseen.from_pretrained("me/encoder", endpoint=gone, cache_dir=tmp_path)
    with pytest.raises(reseen.ExportError, match="cannot be published"):
        reseen.push_to_hub(run, "me/encoder", token="hf_any", endpoint=gone)

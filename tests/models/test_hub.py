"""The hub of weights: reached, or given up in seconds."""

import http.server
import os
import socket
import threading
import time

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from reseen.errors import WeightsError
from reseen.models import hub
from reseen.models.backbone import build_backbone
from reseen.models.settings import ModelSettings

NAME = "mobilenetv3_small_050"
FILE = "https://huggingface.co/timm/mobilenetv3_small_050.lamb_in1k/resolve/main/model.safetensors"


@pytest.fixture
def ask(monkeypatch):
    """A function that has the hub be at an address of this machine."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    url = hub.hf_hub_url

    def at(address):
        monkeypatch.setattr(hub, "hf_hub_url", lambda repository, name: url(repository, name))
        metadata = hub.get_hf_file_metadata
        monkeypatch.setattr(
            hub, "get_hf_file_metadata", lambda _, timeout: metadata(address, timeout=timeout)
        )

    return at


@pytest.fixture
def closed():
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/file"


@pytest.fixture
def no_cache(monkeypatch):
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda repository, name: None)


def refusal(name=NAME):
    with pytest.raises(WeightsError) as error:
        build_backbone(ModelSettings(backbone=name, weights="hub"), 64, 32)
    return str(error.value)


def test_without_a_network_the_file_to_bring_is_named(ask, closed, no_cache):
    ask(closed)
    said = refusal()
    assert said.startswith(f"model.weights: the hub cannot be reached for '{NAME}' (")
    assert (
        f"download {FILE} on a machine with access and pass the file with --model.weights FILE, or use 'none'"
        in said
    )


def test_a_server_that_never_answers_is_given_up(ask, no_cache, monkeypatch):
    monkeypatch.setattr(hub, "_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        ask(f"http://127.0.0.1:{silent.getsockname()[1]}/file")
        assert "cannot be reached" in refusal()


def test_a_search_for_the_address_that_never_ends_is_given_up(no_cache, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_SECONDS", 0.1)
    monkeypatch.setattr(hub, "get_hf_file_metadata", lambda url, timeout: time.sleep(600))
    assert "(no response in 0 seconds)" in refusal()


def test_a_proxy_that_cannot_serve_is_no_hub(ask, no_cache):
    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(503)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ask(f"http://127.0.0.1:{server.server_port}/file")
        assert "(HTTP status 503)" in refusal()
        server.shutdown()


def test_offline_by_the_hubs_own_setting(no_cache, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "(HF_HUB_OFFLINE is set)" in refusal()


def test_what_is_in_the_cache_is_taken_without_a_network(ask, closed, monkeypatch, tmp_path):
    ask(closed)
    torch.manual_seed(3)
    model = timm.create_model(NAME)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    monkeypatch.setattr(
        hub, "try_to_load_from_cache", lambda repository, name: os.fspath(tmp_path / "model.safetensors")
    )
    found = build_backbone(ModelSettings(backbone=NAME, weights="hub"), 64, 32)
    wanted = model.state_dict()
    assert all(torch.equal(value, wanted[key]) for key, value in found.trunk.state_dict().items())

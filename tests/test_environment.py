import sys
from importlib import metadata

import psutil
import torch

from reseen import environment


def test_versions_are_those_installed_and_say_what_is_missing(monkeypatch):
    found = environment.versions()
    assert found["torch"] == metadata.version("torch")
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    monkeypatch.setattr(environment, "_PACKAGES", ("no-such-package",))
    assert environment.versions()["no-such-package"] == "missing"


def test_hardware_is_that_of_this_machine():
    found = environment.hardware()
    assert 1 <= found["cores"] <= psutil.cpu_count()
    assert abs(found["memory_gigabytes"] - psutil.virtual_memory().total / 1e9) < 0.1
    assert found["torch_threads"] == torch.get_num_threads()
    assert found["processor"]


def test_the_processor_is_the_first_that_the_system_lists(tmp_path, monkeypatch):
    text = "processor : 0\nmodel name\t: A Processor: 2 GHz\nflags\t: sse avx512_bf16\nmodel name : Another\n"
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(environment, "Path", lambda name: tmp_path / "cpuinfo")
    assert environment.processor() == "A Processor: 2 GHz"
    assert environment.knows_bfloat16()
    (tmp_path / "cpuinfo").write_text("flags\t: sse avx2\n")
    assert not environment.knows_bfloat16()
    assert environment.processor()


def test_a_command_is_shown_without_its_folder(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/reseen", "train", "auto"])
    assert environment.command() == "reseen train auto"

import platform
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from reseen.runs import process_memory
from reseen.runs.process_memory import kept_memory, return_memory

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator than glibc's")


def fresh_pages(count=6, megabytes=64):
    """Pages that the system had to map while tensors were made and freed in turn, after the first twelve."""
    for _ in range(12):
        torch.zeros(megabytes << 18)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        torch.zeros(megabytes << 18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_memory_is_kept_inside():
    outside = fresh_pages()
    with kept_memory():
        inside = fresh_pages()
        with kept_memory():
            assert fresh_pages() * 10 < outside
        still = fresh_pages()
    assert inside * 10 < outside
    assert still * 10 < outside  # the inner block's end did not end the outer one


def resident():
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_what_was_kept_is_returned():
    with kept_memory():
        torch.zeros(256 << 18)
        kept = resident()
    assert resident() < kept - (200 << 20)


def test_it_is_returned_after_a_fault_too():
    with pytest.raises(KeyboardInterrupt), kept_memory():
        raise KeyboardInterrupt
    assert process_memory._depth == 0


def test_whoever_set_the_allocator_has_chosen():
    script = "from reseen.runs.process_memory import _glibc; print(_glibc())"
    said = subprocess.run(
        [sys.executable, "-c", script], env={"MALLOC_MMAP_MAX_": "5", "PYTHONPATH": "src"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == "None"


def test_freed_memory_below_what_is_in_use_is_returned():
    parts = [bytearray(100_000) for _ in range(2000)]
    del parts[:-1]  # the last keeps the end of the heap where it is
    before = resident()
    return_memory()
    assert resident() < before - 100_000_000

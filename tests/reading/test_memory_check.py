import psutil
import pytest

from reseen.reading import memory_check as memory


@pytest.fixture
def group(tmp_path, monkeypatch):
    """A function that writes the limit and the use of a control group."""
    monkeypatch.setattr(memory, "_CONTAINER", tmp_path)

    def write(limit, used):
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        (tmp_path / "memory.current").write_text(f"{used}\n")

    return write


def test_the_smallest_limit_counts(monkeypatch):
    monkeypatch.setattr(memory, "_of_machine", lambda: 3000)
    monkeypatch.setattr(memory, "_of_container", lambda: 2000)
    monkeypatch.setattr(memory, "_of_process", lambda: None)
    assert memory.free_bytes() == 2000
    monkeypatch.setattr(memory, "_of_process", lambda: -1)
    assert memory.free_bytes() == 0
    for name in ("_of_machine", "_of_container", "_of_process"):
        monkeypatch.setattr(memory, name, lambda: None)
    assert memory.free_bytes() is None


def test_a_container_leaves_its_limit_less_what_is_used(group):
    group(1000, 400)
    assert memory._of_container() == 600
    group("max", 400)
    assert memory._of_container() is None


def test_without_a_control_group_there_is_no_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_CONTAINER", tmp_path / "missing")
    assert memory._of_container() is None


@pytest.mark.skipif(not psutil.LINUX, reason="psutil reads limits of a process on Linux only")
def test_a_limit_of_the_address_space_is_less_what_is_mapped(monkeypatch):
    monkeypatch.setattr(psutil.Process, "rlimit", lambda self, resource: (1 << 60, 1 << 60))
    mapped = psutil.Process().memory_info().vms
    assert abs((1 << 60) - memory._of_process() - mapped) < 1 << 30
    monkeypatch.setattr(psutil.Process, "rlimit", lambda self, resource: (psutil.RLIM_INFINITY,) * 2)
    assert memory._of_process() is None


def test_where_the_system_does_not_say_nothing_is_known(monkeypatch):
    def denied(*arguments):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "virtual_memory", denied)
    monkeypatch.setattr(psutil, "Process", denied)
    assert memory._of_machine() is None
    assert memory._of_process() is None


def test_too_little_memory_says_how_much_is_free(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: 1_500_000_000)
    memory.require_memory(1_500_000_000, "this")
    with pytest.raises(ValueError, match=r"this needs 2\.0 GB of memory, and 1\.5 GB are free"):
        memory.require_memory(2_000_000_000, "this")
    monkeypatch.setattr(memory, "free_bytes", lambda: None)
    memory.require_memory(1 << 60, "this")

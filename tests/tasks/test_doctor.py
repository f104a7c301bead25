import pytest
import torch

from reseen.tasks import doctor as checkup


def named(findings, name):
    return next(finding for finding in findings if finding.name == name)


def test_it_names_versions_device_threads_memory_and_disk():
    findings = checkup.diagnose()
    names = [finding.name for finding in findings]
    for name in ("python", "torch", "torch", "device", "processor", "threads", "memory", "cache"):
        assert name in names
    assert (
        named(findings, "torch").value == torch.__version__.split("+")[0]
        or "+" in named(findings, "torch").value
    )
    for finding in findings:
        assert finding.state == "ok" or finding.advice, finding


def test_missing_and_old_packages_are_bad(monkeypatch):
    monkeypatch.setattr(checkup, "versions", lambda: {"torch": "2.1.0", "timm": "missing"})
    findings = checkup._packages()
    assert (named(findings, "torch").state, named(findings, "timm").state) == ("bad", "bad")


def test_few_threads_and_little_memory(monkeypatch):
    monkeypatch.setattr(checkup, "usable_cores", lambda: torch.get_num_threads() + 6)
    monkeypatch.setattr(checkup, "memory_gigabytes", lambda: 1.0)
    findings = checkup._machine()
    assert named(findings, "threads").state == "slow"
    assert "OMP_NUM_THREADS" in named(findings, "threads").advice
    assert named(findings, "memory").state == "bad"


def test_a_full_or_unwritable_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("RESEEN_CACHE", str(tmp_path / "not" / "there" / "yet"))
    usage = checkup.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(checkup.shutil, "disk_usage", lambda _: usage._replace(free=10**9))
    found = named(checkup._disk(), "cache")
    assert (found.state, found.value) == ("slow", f"{checkup.cache_folder()}, 1 GB free")

    def denied(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(checkup.tempfile, "TemporaryFile", denied)
    assert [f.value for f in checkup._disk()][-1] == "cannot be written"
    assert not (tmp_path / "not").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="about machines without a GPU")
def test_a_machine_without_a_gpu_is_told_what_to_do():
    device = named(checkup._device(), "device")
    assert (device.value, device.state) == ("CPU", "slow")
    assert "mobilenetv2_100" in device.advice


@pytest.mark.skipif(torch.cuda.is_available(), reason="about machines without a GPU")
@pytest.mark.parametrize(("native", "expected"), [(True, "bf16, fused"), (False, "32, fused")])
def test_it_says_what_precision_auto_is(monkeypatch, native, expected):
    monkeypatch.setattr("reseen.models.arithmetic.knows_bfloat16", lambda: native)
    assert named(checkup._device(), "train.precision auto").value == f"{expected} on this processor"

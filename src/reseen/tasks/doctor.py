"""Check the setup of this machine and flag bottlenecks."""

import shutil
import tempfile
from dataclasses import dataclass
from typing import Literal

from reseen.data.pixel_cache import cache_folder, is_accessible
from reseen.environment import knows_bfloat16, memory_gigabytes, processor, usable_cores, versions

_MEMORY_NEEDED = 4.0
_DISK_NEEDED = 6.0
_OLDEST_TORCH = (2, 9)


@dataclass(frozen=True)
class Diagnosis:
    """The result of one check: a state, and advice if it is not `ok`."""

    name: str
    value: str
    state: Literal["ok", "slow", "bad"] = "ok"
    advice: str = ""


def diagnose() -> list[Diagnosis]:
    """Check versions, device, threads, memory, disk, and the cache of compiled code."""
    return [*_packages(), *_device(), *_machine(), *_disk(), _compiled_cache()]


def _compiled_cache() -> Diagnosis:
    """Whether the machine code of compiled loops is cached."""
    from reseen.compiled import cache_path
    from reseen.evaluate.rank_kernel import write_ranks

    place = cache_path(write_ranks)
    if place is not None:
        return Diagnosis("compiled loops", f"kept in {place}")
    return Diagnosis(
        "compiled loops", "not kept", "slow",
        "every command compiles them again: set RESEEN_CACHE or NUMBA_CACHE_DIR to a folder that you alone can write",
    )  # fmt: skip


def _packages() -> list[Diagnosis]:
    findings = []
    for name, version in versions().items():
        if version == "missing":
            findings.append(Diagnosis(name, "missing", "bad", "reinstall with: pip install reseen"))
        elif name == "torch" and tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_TORCH:
            findings.append(Diagnosis(name, version, "bad", "reseen needs torch 2.9 or newer"))
        else:
            findings.append(Diagnosis(name, version))
    try:
        import torchvision.ops  # noqa: F401
    except Exception as error:  # builds of torch and torchvision that do not match fail in many ways
        advice = f"torch and torchvision do not match ({type(error).__name__}); reinstall both together"
        findings.append(Diagnosis("torch with torchvision", "broken", "bad", advice))
    return findings


def _device() -> list[Diagnosis]:
    import torch

    from reseen.models.arithmetic import arithmetic_of

    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 1e9
        return [Diagnosis("device", f"{torch.cuda.get_device_name(0)}, {memory:.0f} GB")]
    findings = [
        Diagnosis(
            "device", "CPU", "slow",
            "no usable GPU: ResNet-50 at 256 x 128 trains on about 7 crops per second and core; "
            "use a small backbone (mobilenetv2_100) and 128 x 64 crops",
        )
    ]  # fmt: skip
    capability = torch.backends.cpu.get_cpu_capability()
    findings.append(Diagnosis("vector instructions", capability))
    findings.append(
        Diagnosis("train.precision auto", f"{arithmetic_of('auto', 'cpu').name} on this processor")
    )
    if not knows_bfloat16():
        findings.append(
            Diagnosis(
                "bf16 on the CPU", "emulated", "slow",
                "this processor has no bfloat16 arithmetic: take train.precision 32 or auto, not bf16-mixed",
            )
        )  # fmt: skip
    return findings


def _machine() -> list[Diagnosis]:
    import torch

    cores, threads, memory = usable_cores(), torch.get_num_threads(), memory_gigabytes()
    all_used = threads >= cores
    return [
        Diagnosis("processor", processor()),
        Diagnosis(
            "threads", f"{threads} of {cores} cores", "ok" if all_used else "slow",
            "" if all_used else "torch uses fewer threads than there are cores: see OMP_NUM_THREADS",
        ),
        Diagnosis(
            "memory", f"{memory:.0f} GB", "ok" if memory >= _MEMORY_NEEDED else "bad",
            "" if memory >= _MEMORY_NEEDED else f"training needs about {_MEMORY_NEEDED:.0f} GB",
        ),
    ]  # fmt: skip


def _disk() -> list[Diagnosis]:
    cache = cache_folder()
    existing = next(folder for folder in (cache, *cache.parents) if is_accessible(folder))
    free = shutil.disk_usage(existing).free / 1e9
    enough = free >= _DISK_NEEDED
    findings = [
        Diagnosis(
            "cache", f"{cache}, {free:.0f} GB free", "ok" if enough else "slow",
            "" if enough else "decoded crops may not fit, and would be decoded again in every round",
        )
    ]  # fmt: skip
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        findings.append(
            Diagnosis(
                "cache", "cannot be written", "slow", f"{error.strerror}; set RESEEN_CACHE to another folder"
            )
        )
    return findings

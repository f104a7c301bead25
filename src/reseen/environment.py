"""Where a run happened: versions and hardware, so that a result can be compared with another."""

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = (
    "reseen", "torch", "torchvision", "timm", "lightning-fabric", "faiss-cpu",
    "numpy", "scipy", "scikit-learn", "numba", "pyarrow",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def hardware() -> dict[str, Any]:
    """Processor, cores, memory, threads and GPU."""
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {
        "processor": processor(),
        "cores": usable_cores(),
        "memory_gigabytes": round(memory_gigabytes(), 1),
        "torch_threads": torch.get_num_threads(),
        "gpu": gpu,
    }


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_gigabytes() -> float:
    """Memory of the machine."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    return float("nan")


def processor() -> str:
    """Name of the processor."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def command() -> str:
    """The command line of this process, without the path of the interpreter."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])


def knows_bfloat16() -> bool:
    """Whether this processor computes in bfloat16; where it does not, torch emulates that, many times slower."""
    listed = Path("/proc/cpuinfo")
    flags = listed.read_text() if listed.is_file() else ""
    return "amx_bf16" in flags or "avx512_bf16" in flags

"""Package versions and hardware of this machine, recorded with every run so that results can be compared."""

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
    """Versions of Python and of the packages that affect results; `missing` for one that is not installed."""
    by_package = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            by_package[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            by_package[name] = "missing"
    return by_package


def hardware() -> dict[str, Any]:
    """Processor name, cores, memory in GB, torch's threads and the GPU's name (None without one)."""
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
    """Number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_gigabytes() -> float:
    """Physical memory of the machine in GB (10^9 bytes)."""
    import psutil

    return psutil.virtual_memory().total / 1e9


def processor() -> str:
    """Model name of the processor."""
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.is_file():
        for line in cpu_info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def command() -> str:
    """The command line of this process: the program's base name and its arguments."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])


def knows_bfloat16() -> bool:
    """Whether this processor has bfloat16 instructions; without them torch emulates bfloat16 many times slower."""
    cpu_info = Path("/proc/cpuinfo")
    flags = cpu_info.read_text() if cpu_info.is_file() else ""
    return "amx_bf16" in flags or "avx512_bf16" in flags

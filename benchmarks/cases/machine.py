"""What a timing must be read with: versions, hardware, commit."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import psutil

_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "faiss-cpu", "numba", "timm", "qdrant-edge-py")


def describe(repository: Path, threads: int) -> dict[str, Any]:
    """The setting of a run, ready for JSON."""
    return {
        "commit": commit(repository),
        "hardware": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "threads": threads,
            "memory_gigabytes": round(psutil.virtual_memory().total / 1e9, 1),
            "load_before": [round(load, 2) for load in os.getloadavg()],
        },
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES},
        "system": platform.platform(),
    }


def commit(repository: Path) -> str:
    """The commit's hash, with `+changes` where files differ from it; `unknown` outside a repository."""
    try:
        name = _git(repository, "rev-parse", "HEAD")
        return name + ("+changes" if _git(repository, "status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(repository: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(repository), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()

"""Free memory, checked before large allocations: when memory runs out, the system kills the process silently."""

import os
from pathlib import Path

_CONTAINER = Path("/sys/fs/cgroup")


def free_bytes() -> int | None:
    """Bytes that can be allocated without swapping, within the limits of the machine, container and process.

    On systems other than Linux, the physical memory; None where that is unknown.
    """
    limits = [limit for limit in (_of_machine(), _of_container(), _of_process()) if limit is not None]
    return max(0, min(limits)) if limits else None


def require_memory(needed: int, what: str) -> None:
    """Check that `needed` bytes of memory are free.

    Raises:
        ValueError: fewer are free; the message begins with `what`.
    """
    free = free_bytes()
    if free is not None and needed > free:
        raise ValueError(f"{what} needs {needed / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are free")


def _of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
            return None
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _of_container() -> int | None:
    try:
        limit, used = (
            int((_CONTAINER / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current")
        )
    except (OSError, ValueError):  # no cgroup, or its limit is "max"
        return None
    return limit - used


def _of_process() -> int | None:
    """What remains of the process's address space under its limit (`ulimit -v`)."""
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return None
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError, ValueError):
        return None
    return limit - pages * os.sysconf("SC_PAGE_SIZE")

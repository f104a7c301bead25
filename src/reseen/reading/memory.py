"""Free memory, asked for before it is taken: a full machine kills a process, and says nothing."""

import os
from pathlib import Path

_CONTAINER = Path("/sys/fs/cgroup")


def free_bytes() -> int | None:
    """Memory that can be taken without swapping, as Linux tells it, within the limits of container and process.

    Elsewhere that of the machine, or None where that is not known either.
    """
    limits = [limit for limit in (_of_machine(), _of_container(), _of_process()) if limit is not None]
    return max(0, min(limits)) if limits else None


def require_memory(wanted: int, what: str) -> None:
    """Raise unless `wanted` bytes are free.

    Raises:
        ValueError: they are not; begins with `what`.
    """
    free = free_bytes()
    if free is not None and wanted > free:
        raise ValueError(f"{what} needs {wanted / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are free")


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
        limit, taken = (
            int((_CONTAINER / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current")
        )
    except (OSError, ValueError):  # none, or "max"
        return None
    return limit - taken


def _of_process() -> int | None:
    """What a limit on the process's address space (`ulimit -v`) leaves."""
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return None
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError, ValueError):
        return None
    return limit - pages * os.sysconf("SC_PAGE_SIZE")

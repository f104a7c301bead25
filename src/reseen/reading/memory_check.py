"""Free memory, checked before large allocations: when memory runs out, the system kills the process silently."""

from pathlib import Path

import psutil

_CONTAINER = Path("/sys/fs/cgroup")


def free_bytes() -> int | None:
    """Bytes that can be allocated without swapping, within the limits of the machine, container and process.

    None where the system does not say.
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
        return psutil.virtual_memory().available
    except (psutil.Error, OSError):
        return None


def _of_container() -> int | None:
    """What remains under the limit of the control group, which psutil does not read."""
    try:
        limit, used = (
            int((_CONTAINER / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current")
        )
    except (OSError, ValueError):  # no cgroup, or its limit is "max"
        return None
    return limit - used


def _of_process() -> int | None:
    """What remains of the process's address space under its limit (`ulimit -v`), which psutil reads on Linux."""
    if not psutil.LINUX:
        return None
    try:
        process = psutil.Process()
        limit = process.rlimit(psutil.RLIMIT_AS)[0]
        return None if limit == psutil.RLIM_INFINITY else limit - process.memory_info().vms
    except (psutil.Error, OSError):
        return None

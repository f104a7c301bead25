"""Memory that is kept between the steps of a loop instead of being given back and asked for again.

glibc takes tensors of more than 32 MB straight from the system and returns them when they are freed. Each step then
touches fresh pages, which the system must find, clear and map: on a CPU that was a tenth of the time of a training
step, and more where other processes wanted memory too. Inside `kept_memory` freed memory stays with the process for
the next step; at its end it is returned.
"""

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Names of the parameters of `mallopt`, from malloc.h."""
_NEVER = -1
_PAD_BYTES = 64 << 20
_USUAL_PAD_BYTES = 128 << 10
_USUAL_TRIM_BYTES = 64 << 20
_USUAL_MMAPS = 65536

_depth = 0


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory in the process until the block ends; does nothing where glibc is not the allocator.

    Nothing is changed where the environment sets `MALLOC_MMAP_MAX_` or `MALLOC_TRIM_THRESHOLD_`: whoever did so has
    chosen. Blocks may be nested.
    """
    global _depth
    libc = _glibc()
    if libc is None:
        yield
        return
    if _depth == 0:
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)
        libc.mallopt(_TOP_PAD, _PAD_BYTES)
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if _depth == 0:
            libc.mallopt(_MMAP_MAX, _USUAL_MMAPS)
            libc.mallopt(_TRIM_THRESHOLD, _USUAL_TRIM_BYTES)
            libc.mallopt(_TOP_PAD, _USUAL_PAD_BYTES)
            libc.malloc_trim(0)


def return_memory() -> None:
    """Give freed memory back to the system, so that what is taken next is seen as taken; needs glibc, too."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    if platform.libc_ver()[0] != "glibc":
        return None
    if {"MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_"} & os.environ.keys():
        return None
    libc = ctypes.CDLL(None)
    libc.mallopt.argtypes = [ctypes.c_int, ctypes.c_int]
    libc.malloc_trim.argtypes = [ctypes.c_size_t]
    return libc

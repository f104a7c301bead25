"""Blocks of rows through a pool of threads, in order, with only a few blocks in flight."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_MOST_THREADS = 16
_BLOCKS_PER_THREAD = 3

Result = TypeVar("Result")


def thread_count() -> int:
    """Threads to decode with: the cores this process may use, 16 at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(_MOST_THREADS, cores))


def in_blocks(work: Callable[[range], Result], count: int, block: int) -> Iterator[tuple[range, Result]]:
    """`work` on consecutive ranges of rows, results in order.

    A reader slower than the threads does not make finished blocks pile up in memory.
    """
    ranges = deque(range(start, min(start + block, count)) for start in range(0, count, block))
    waiting: deque[tuple[range, Future[Result]]] = deque()
    threads = thread_count()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="reseen-decode")
    try:
        while ranges or waiting:
            while ranges and len(waiting) < threads * _BLOCKS_PER_THREAD:
                rows = ranges.popleft()
                waiting.append((rows, pool.submit(work, rows)))
            rows, future = waiting.popleft()
            yield rows, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

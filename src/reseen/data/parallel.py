"""Ordered processing of blocks of rows in a thread pool, with a bounded number of blocks in flight."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_MOST_THREADS = 16
_BLOCKS_PER_THREAD = 3

Result = TypeVar("Result")


def thread_count() -> int:
    """Number of decoding threads: the cores that this process may use, at most 16."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(_MOST_THREADS, cores))


def in_blocks(work: Callable[[range], Result], count: int, block: int) -> Iterator[tuple[range, Result]]:
    """Run `work` on consecutive ranges of `block` rows, and yield each range with its result, in order.

    The number of blocks in flight is bounded, so that results do not pile up in memory if the consumer is slow.
    """
    ranges = deque(range(start, min(start + block, count)) for start in range(0, count, block))
    pending: deque[tuple[range, Future[Result]]] = deque()
    threads = thread_count()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="reseen-decode")
    try:
        while ranges or pending:
            while ranges and len(pending) < threads * _BLOCKS_PER_THREAD:
                rows = ranges.popleft()
                pending.append((rows, pool.submit(work, rows)))
            rows, future = pending.popleft()
            yield rows, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

"""Several processes for one piece of work: started here, or by torchrun, which is told by its environment.

The process that asks is the first of them; the helpers it starts run the same work and end with it. Each has a Fabric
of one device: gradients, statistics and features are put launch by `Share` and `ProcessGroup`, not by a wrapper that
averages.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from reseen.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from reseen.distributed.worker_pool import WorkerPool
from reseen.environment import usable_cores
from reseen.errors import LostProcessError, ReseenError, SettingsError

_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_EXCHANGE = timedelta(minutes=30)
"""Longest wait of processes that are in step; one that dies is noticed at once, or by whoever started it."""
_CLUSTERING = timedelta(days=2)
"""Longest wait for the first process alone."""


def launched_by_torchrun() -> bool:
    """Whether torchrun started this process as one of several."""
    return all(name in os.environ for name in _TORCHRUN) and int(os.environ["WORLD_SIZE"]) > 1


def is_main_process() -> bool:
    """Whether this process may print: of several that torchrun started only the first."""
    return not launched_by_torchrun() or os.environ["RANK"] == "0"


@contextmanager
def launch(devices: int, device: str, work: str, request: dict[str, Any]) -> Iterator[ProcessGroup]:
    """The processes for a piece of work; they end with the block, and an error of one is an error of all.

    `devices`: processes to use; under torchrun 1, or as many as it started. `device`: `cpu` or `cuda`.
    Worker processes do the `work` by its name in `tasks.worker.WORK`, with the `request`, which must be valid JSON.

    Raises:
        SettingsError: fewer devices than asked for.
        LostProcessError: a process was killed.
    """
    if launched_by_torchrun():
        with _of_torchrun(devices, device) as ranks:
            yield ranks
        return
    if devices < 1:
        raise SettingsError(f"--devices: wanted 1 or more, found {devices}")
    if devices == 1:
        yield SINGLE_PROCESS
        return
    check_devices(devices, device)
    share, alone = threads_per_process(devices), torch.get_num_threads()
    store = dist.TCPStore("127.0.0.1", 0, devices, is_master=True, wait_for_workers=False)
    place = {"size": devices, "port": store.port, "device": device, "threads": share, "alone": alone}
    with WorkerPool(devices, place, work, request) as helpers:
        torch.set_num_threads(share)
        try:
            helpers.wait_until_ready()
            ranks = join(0, devices, 0, device, store, alone)
            yield ranks
            ranks.barrier()
        except LostProcessError as error:
            raise helpers.reason(error) from None
        finally:
            leave()
            torch.set_num_threads(alone)


def check_devices(devices: int, device: str) -> None:
    """Whether this machine has them.

    Raises:
        SettingsError: it has fewer GPUs, or fewer cores.
    """
    if device == "cuda" and devices > torch.cuda.device_count():
        raise SettingsError(
            f"--devices: {devices} processes need a GPU each, found {torch.cuda.device_count()}; take at most so "
            "many, or train.device cpu"
        )


def threads_per_process(processes: int) -> int:
    """Threads for each of several processes on this machine: its share of the cores, unless `OMP_NUM_THREADS` says."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    if said.isdecimal() and int(said) > 0 and not launched_by_torchrun():  # torchrun sets it to 1 by itself
        return int(said)
    return max(1, usable_cores() // processes)


def join(
    rank: int, size: int, local_rank: int, device: str, store: dist.Store, alone: int | None = None
) -> ProcessGroup:
    """Meet the other processes. Between CPUs gloo carries numbers, between GPUs NCCL."""
    if device == "cuda":
        torch.cuda.set_device(local_rank)
    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_EXCHANGE)
    control: Any = dist.new_group(backend="gloo", timeout=_CLUSTERING)
    return ProcessGroup(rank, size, local_rank, alone, control)


def leave() -> None:
    """Part from the other processes."""
    if dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def _of_torchrun(devices: int, device: str) -> Iterator[ProcessGroup]:
    rank, size, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    if devices not in (1, size):
        raise SettingsError(
            f"--devices: torchrun started {size} processes, --devices asks for {devices}; leave it out"
        )
    here = int(os.environ.get("LOCAL_WORLD_SIZE", size))
    check_devices(here, device)
    alone = usable_cores()
    torch.set_num_threads(threads_per_process(here))
    store, _, _ = next(dist.rendezvous("env://"))
    try:
        yield join(rank, size, local, device, store, alone)
    except ReseenError:
        if not _first_to_fail(store):
            raise SystemExit(2) from None
        raise
    finally:
        leave()


def _first_to_fail(store: dist.Store) -> bool:
    """Whether no process has said yet what is wrong; the others then say nothing."""
    try:
        return store.add("reseen/failed", 1) == 1
    except (RuntimeError, OSError):  # whoever kept the store is gone, and has spoken
        return False

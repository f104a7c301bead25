"""Launch several processes for one job: worker processes started here, or those of torchrun, detected by its variables.

The calling process is rank 0; the workers it starts run the same job and end with it. Each has a Fabric of one device:
gradients, statistics and features are combined by `BatchShard` and `ProcessGroup`, not by a wrapper that averages.
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
"""Timeout of collectives in lockstep; a process that dies is noticed at once, or by the process that started it."""
_CLUSTERING = timedelta(days=2)
"""Timeout while only the main process works, such as on clustering."""


def launched_by_torchrun() -> bool:
    """Whether torchrun launched this process as one of several."""
    return all(name in os.environ for name in _TORCHRUN) and int(os.environ["WORLD_SIZE"]) > 1


def is_main_process() -> bool:
    """Whether this is the main process, which alone prints: rank 0 under torchrun, always true otherwise."""
    return not launched_by_torchrun() or os.environ["RANK"] == "0"


@contextmanager
def launch(devices: int, device: str, work: str, request: dict[str, Any]) -> Iterator[ProcessGroup]:
    """The process group of a job; its processes end with the block, and an error in one is raised here.

    Args:
        devices: number of processes; under torchrun 1, or the number that it started.
        device: `cpu` or `cuda`.
        work: the job of the workers, a key of `tasks.worker.WORK`.
        request: arguments of the job, JSON-serializable.

    Raises:
        SettingsError: `devices` is below 1, above the number of GPUs, or differs from torchrun's.
        LostProcessError: a process was killed.

    Example:
        >>> with launch(2, "cpu", "embed", request) as ranks:
        ...     features = extract(encoder, crops, torch.device("cpu"), ranks=ranks)
    """
    if launched_by_torchrun():
        with _join_torchrun(devices, device) as ranks:
            yield ranks
        return
    if devices < 1:
        raise SettingsError(f"--devices must be at least 1, got {devices}")
    if devices == 1:
        yield SINGLE_PROCESS
        return
    check_devices(devices, device)
    threads, all_threads = threads_per_process(devices), torch.get_num_threads()
    store = dist.TCPStore("127.0.0.1", 0, devices, is_master=True, wait_for_workers=False)
    setup = {"size": devices, "port": store.port, "device": device, "threads": threads, "alone": all_threads}
    with WorkerPool(devices, setup, work, request) as workers:
        torch.set_num_threads(threads)
        try:
            workers.wait_until_ready()
            ranks = join(0, devices, 0, device, store, all_threads)
            yield ranks
            ranks.barrier()
        except LostProcessError as error:
            raise workers.reason(error) from None
        finally:
            leave()
            torch.set_num_threads(all_threads)


def check_devices(devices: int, device: str) -> None:
    """Check that this machine has a GPU per process, where `device` is `cuda`.

    Raises:
        SettingsError: it has fewer GPUs.
    """
    if device == "cuda" and devices > torch.cuda.device_count():
        raise SettingsError(
            f"--devices: {devices} processes need a GPU each, found {torch.cuda.device_count()}; lower --devices, or "
            "set train.device to cpu"
        )


def threads_per_process(processes: int) -> int:
    """Threads of each process on this machine: `OMP_NUM_THREADS` if set by the user, else an equal share of cores."""
    variable = os.environ.get("OMP_NUM_THREADS", "")
    if variable.isdecimal() and int(variable) > 0 and not launched_by_torchrun():  # torchrun sets it to 1
        return int(variable)
    return max(1, usable_cores() // processes)


def join(
    rank: int, size: int, local_rank: int, device: str, store: dist.Store, main_threads: int | None = None
) -> ProcessGroup:
    """Initialize the process group, over gloo for CPU tensors and NCCL for CUDA tensors.

    `main_threads` is the number of threads of the main process while the others wait.
    """
    if device == "cuda":
        torch.cuda.set_device(local_rank)
    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_EXCHANGE)
    control: Any = dist.new_group(backend="gloo", timeout=_CLUSTERING)
    return ProcessGroup(rank, size, local_rank, main_threads, control)


def leave() -> None:
    """Destroy the process group, if there is one."""
    if dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def _join_torchrun(devices: int, device: str) -> Iterator[ProcessGroup]:
    rank, size, local_rank = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    if devices not in (1, size):
        raise SettingsError(
            f"--devices: torchrun started {size} processes, but --devices is {devices}; leave it out"
        )
    local_size = int(os.environ.get("LOCAL_WORLD_SIZE", size))
    check_devices(local_size, device)
    all_threads = usable_cores()
    torch.set_num_threads(threads_per_process(local_size))
    store, _, _ = next(dist.rendezvous("env://"))
    try:
        yield join(rank, size, local_rank, device, store, all_threads)
    except ReseenError:
        if not _first_to_fail(store):
            raise SystemExit(2) from None
        raise
    finally:
        leave()


def _first_to_fail(store: dist.Store) -> bool:
    """Whether this is the first process to report an error; the others then exit silently."""
    try:
        return store.add("reseen/failed", 1) == 1
    except (RuntimeError, OSError):  # the process that hosted the store has failed and reported already
        return False

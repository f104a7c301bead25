import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseen.distributed import launch as together
from reseen.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from reseen.errors import SettingsError
from reseen.models.batch_shard import BatchShard

CORES = 8


@given(st.integers(0, 3000), st.integers(1, 300), st.integers(1, 9))
def test_rows_are_shared_out_once_in_order_and_in_whole_batches(count, batch, size):
    starts = [list(ProcessGroup(rank, size).rows(count, batch)) for rank in range(size)]
    assert [start for part in starts for start in part] == list(range(0, count, batch))
    ends = [ProcessGroup(rank, size).rows(count, batch) for rank in range(size)]
    covered = [row for part in ends if len(part) for row in range(part.start, part.stop)]
    assert covered == list(range(count))
    assert max(map(len, starts)) - min(map(len, starts)) <= 1


@given(st.integers(1, 300), st.integers(1, 9))
def test_a_batch_is_cut_into_even_parts(images, size):
    parts = []
    for rank in range(size):
        share = BatchShard(rank, size)
        if images < size:
            with pytest.raises(SettingsError, match=f"{size} processes cannot share a batch of {images}"):
                share.batch(images).__enter__()
            return
        with share.batch(images) as own:
            parts.append(own)
        assert share.cut is None
    assert [row for part in parts for row in range(images)[part]] == list(range(images))
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_alone_there_is_nobody_to_ask():
    assert SINGLE_PROCESS.is_main
    assert SINGLE_PROCESS.run_on_main(lambda: object) is object  # not even sent
    assert SINGLE_PROCESS.broadcast(SINGLE_PROCESS) is SINGLE_PROCESS
    with SINGLE_PROCESS.share.batch(5) as own:
        assert own == slice(0, 5)
        assert SINGLE_PROCESS.share.cut is None


@pytest.mark.parametrize(
    ("said", "launched", "processes", "expected"),
    [
        (None, False, 2, 4),
        (None, False, 3, 2),
        (None, False, 16, 1),
        ("3", False, 2, 3),
        ("1", False, 2, 1),
        ("1", True, 2, 4),  # torchrun's own doing
        ("", False, 4, 2),
    ],
)
def test_processes_share_the_cores(said, launched, processes, expected, monkeypatch):
    monkeypatch.setattr(together, "usable_cores", lambda: CORES)
    monkeypatch.setattr(together, "launched_by_torchrun", lambda: launched)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if said is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert together.threads_per_process(processes) == expected


def test_more_gpus_than_there_are(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    together.check_devices(2, "cuda")
    together.check_devices(64, "cpu")
    with pytest.raises(SettingsError, match="3 processes need a GPU each, found 2"):
        together.check_devices(3, "cuda")

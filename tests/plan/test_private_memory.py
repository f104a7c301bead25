"""What a process holds for itself is seen, mapped files are not."""

import sys
import time

import numpy as np
import pytest

from reseen.plan.private_memory import PrivatePeak, private_bytes

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells private memory apart")


@linux
def test_a_peak_that_is_over_is_remembered():
    before = private_bytes()
    with PrivatePeak() as peak:
        held = np.ones(25_000_000)
        time.sleep(0.05)
        del held
    assert peak.bytes - before == pytest.approx(200e6, rel=0.2)
    assert private_bytes() - before < 50e6


@linux
def test_a_mapped_file_does_not_count(tmp_path):
    file = tmp_path / "large.npy"
    np.save(file, np.ones(12_500_000))
    mapped = np.load(file, mmap_mode="r")
    with PrivatePeak() as peak:
        before = peak.bytes
        assert mapped.sum() == 12_500_000
        time.sleep(0.05)
    assert peak.bytes - before < 50e6

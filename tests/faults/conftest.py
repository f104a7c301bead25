"""Faults are injected into a tiny run on the drawn crowd, shared by all tests here."""

import pytest
from benchmarks.faulting.desk import lay
from tests.cli.conftest import fault, reseen_says, train_flags, trained

__all__ = ["fault", "reseen_says", "train_flags", "trained"]


@pytest.fixture(scope="session")
def desk(tmp_path_factory):
    """A crowd, a few crops and a run of one round; not to be changed."""
    return lay(tmp_path_factory.mktemp("desk"))

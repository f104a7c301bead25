"""Readers of the package pass the suite that outside readers can run."""

from dataclasses import replace

import pytest
from tests.datasets.trees import plant

from reseen.datasets import DATASETS, Layout
from reseen.datasets.raw_rows import LabeledRows
from reseen.testing import ReaderConformance


class _Planted(ReaderConformance):
    def make(self, root):
        for part in list(plant(root, self.name).iterdir()):
            part.rename(root / part.name)
        (root / str(self.name)).rmdir()


class TestMarket1501(_Planted):
    name = Layout.MARKET1501


class TestMars(_Planted):
    name = Layout.MARS


class TestLuperson(_Planted):
    name = Layout.LUPERSON


def test_a_reader_that_breaks_a_promise_fails(monkeypatch, tmp_path):
    """The suite can fail: identities that depend on which splits are read are caught."""
    row = DATASETS[Layout.MARKET1501]

    def splits(root, variant, names):
        return {
            name: LabeledRows(one.rows, [10 * len(names or ()) + number for number in one.identities])
            for name, one in row.splits(root, variant, names).items()
        }

    monkeypatch.setitem(DATASETS, Layout.MARKET1501, replace(row, splits=splits))
    suite = TestMarket1501()
    (tmp_path / "data").mkdir()
    suite.make(tmp_path / "data")
    with pytest.raises(AssertionError):
        suite.test_splits_have_identities(tmp_path / "data")

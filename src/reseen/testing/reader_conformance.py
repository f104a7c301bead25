"""What every reader of a layout must do, as a pytest class that a reader's own tests can inherit.

    from reseen.testing import ReaderConformance

    class TestPersonFolders(ReaderConformance):
        name = "person-folders"

        def make(self, root):
            ...  # write a small data set of this layout into the empty folder `root`

Every command that reads crops rests on these properties. Needs pytest, which is not installed with reseen.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from reseen.data.evaluation_table import EvaluationTable
from reseen.datasets import DATASETS, Dataset, detect, read_splits, read_training
from reseen.errors import DataError


class ReaderConformance:
    """Tests of one registered reader; set `name` and implement `make` in a subclass that begins with `Test`."""

    name: ClassVar[str]
    """The name under which the reader is registered."""

    def make(self, root: Path) -> None:
        """Write a small data set of this layout, of two people or more, into the empty folder `root`."""
        raise NotImplementedError

    @property
    def dataset(self) -> Dataset:
        """The reader under test."""
        dataset = DATASETS.find(self.name)
        assert dataset is not None, f"no reader '{self.name}' is registered"
        return dataset

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """A folder with a small data set."""
        root = tmp_path / "data"
        root.mkdir()
        self.make(root)
        return root

    def test_the_layout_is_recognized(self, root: Path, tmp_path: Path) -> None:
        """`matches` knows its own layout, not an empty folder, and the layout is detected."""
        (tmp_path / "empty").mkdir()
        assert self.dataset.matches(root)
        assert not self.dataset.matches(tmp_path / "empty")
        assert detect(root) == self.name

    def test_training_crops_exist_and_have_no_identities(self, root: Path) -> None:
        """Each crop is a file below the folder, named once, and the table cannot tell who is on it."""
        table = read_training(root, self.name)
        assert len(table) > 0
        assert not isinstance(table, EvaluationTable)
        assert len(set(table.paths)) == len(table.paths)
        if table.spans is None:
            for path in table.paths:
                assert "\\" not in path
                assert (table.root / path).is_file(), path

    def test_reading_twice_gives_the_same(self, root: Path) -> None:
        """The same folder gives the same rows."""
        first, second = (read_training(root, self.name) for _ in range(2))
        assert first.paths == second.paths
        assert first.camera_names == second.camera_names
        assert np.array_equal(first.cameras, second.cameras)

    def test_splits_have_identities(self, root: Path) -> None:
        """All splits together, and each alone; the training crops are those of the split `train`."""
        if self.dataset.splits is None or not self.dataset.has_identities(root):
            pytest.skip("the layout has no identities")
        splits = read_splits(root, self.name)
        assert splits
        for name, table in splits.items():
            assert len(table) == len(table.identities) > 0
            assert table.identities.min() >= -1
            alone = read_splits(root, self.name, names=(name,))
            assert list(alone) == [name]
            assert alone[name].images.paths == table.images.paths
            assert np.array_equal(alone[name].identities, table.identities)
        if "train" in splits:
            assert splits["train"].images.paths == read_training(root, self.name).paths
        if "query" in splits and "gallery" in splits:
            shared = set(splits["query"].identities.tolist()) & set(splits["gallery"].identities.tolist())
            assert any(identity > 0 for identity in shared), "a person is one number in all splits"

    def test_a_folder_of_another_layout_is_an_error_of_one_line(self, tmp_path: Path) -> None:
        """An empty folder read as this layout is a DataError that names it."""
        folder = tmp_path / "empty"
        folder.mkdir()
        with pytest.raises(DataError) as caught:
            read_training(folder, self.name)
        assert str(folder) in str(caught.value)
        assert "\n" not in str(caught.value)

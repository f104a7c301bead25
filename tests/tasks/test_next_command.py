"""The command that fits the data after training."""

import pytest

from reseen.errors import DataError
from reseen.tasks.next_command import next_command


def test_benchmarks_are_evaluated_and_other_folders_audited(crowd, make_images, tmp_path):
    assert next_command(crowd) == "evaluate"
    assert next_command(make_images("a/1.jpg", "b/2.jpg")) == "audit"
    with pytest.raises(DataError):
        next_command(tmp_path / "gone")

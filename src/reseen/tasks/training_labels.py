"""Write the identities of a benchmark's training crops to a file, for supervised training."""

from pathlib import Path

from reseen.data.labels import write_labels
from reseen.datasets import Patterns, read_splits
from reseen.errors import DataError


def write_training_labels(
    data: str | Path,
    out: str | Path,
    *,
    layout: str | None = None,
    variant: str | None = None,
    identity_pattern: str | None = None,
) -> int:
    """Write a CSV file of path and label for the training crops of a benchmark; returns the number of crops.

    Args:
        data: a benchmark with identities of its training crops.
        out: the CSV file to write.
        layout: layout on disk; detected when None.
        variant: variant of the benchmark; its first when None.
        identity_pattern: where paths below train name the person, such as `{identity}/{*}`.

    Raises:
        DataError: the data cannot be read, or has no training crops with identities.
        SettingsError: an unknown layout or variant, or an invalid pattern.
        StorageError: `out` cannot be written.

    Example:
        >>> write_training_labels("data/Market-1501", "labels.csv")
        12936
    """
    patterns = None if identity_pattern is None else Patterns("", identity_pattern)
    splits = read_splits(Path(data), layout, variant, ("train",), patterns=patterns)
    if "train" not in splits or not len(splits["train"]):
        raise DataError(
            f"{data}: no training crops with identities; `reseen data check` shows what the folder holds"
        )
    return write_labels(Path(out), splits["train"])

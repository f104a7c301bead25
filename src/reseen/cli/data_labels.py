"""`reseen data labels`."""

from pathlib import Path


def labels(
    directory: Path,
    *,
    out: Path,
    layout: str | None = None,
    variant: str | None = None,
    identity_pattern: str | None = None,
) -> None:
    """Write the identities of a benchmark's training crops to a CSV file, for supervised training (method source).

    Parameters
    ----------
    directory
        A benchmark with identities of its training crops.
    out
        The CSV file to write, with the columns path and label.
    layout
        Layout on disk; default: detected.
    variant
        Variant of the benchmark (split, boxes or test size); default: its first.
    identity_pattern
        Where paths below train name the person: '{identity}/{*}'.
    """
    from rich.console import Console

    from reseen.data.labels import write_labels
    from reseen.datasets import Patterns, read_splits
    from reseen.errors import DataError

    patterns = None if identity_pattern is None else Patterns("", identity_pattern)
    splits = read_splits(directory, layout, variant, ("train",), patterns=patterns)
    if "train" not in splits or not len(splits["train"]):
        raise DataError(
            f"{directory}: no training crops with identities; `reseen data check` shows what the folder holds"
        )
    count = write_labels(out, splits["train"])
    Console(highlight=False).print(
        f"Labels of {count:,} crops written to {out}; train with --data.labels {out}",
        markup=False,
        soft_wrap=True,
    )

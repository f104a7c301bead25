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
    """Write who is on each training crop of a labelled benchmark to a CSV file, to train the method source on.

    Parameters
    ----------
    directory
        A benchmark whose layout knows who is on its training crops.
    out
        The file to write; its columns are path and label.
    layout
        How the data lies on disk; looked for when not given.
    variant
        Which split, boxes or test size of a benchmark that has several.
    identity_pattern
        Where paths below train name the person: '{identity}/{*}'.
    """
    from rich.console import Console

    from reseen.data.labels import write_labels
    from reseen.datasets import Patterns, read_splits
    from reseen.errors import DataError

    given = None if identity_pattern is None else Patterns("", identity_pattern)
    splits = read_splits(directory, layout, variant, ("train",), patterns=given)
    if "train" not in splits or not len(splits["train"]):
        raise DataError(
            f"{directory}: no training crops with people on them here; `reseen data check` shows what is"
        )
    count = write_labels(out, splits["train"])
    Console(highlight=False).print(
        f"Labels of {count:,} crops written to {out}; train with --data.labels {out}",
        markup=False,
        soft_wrap=True,
    )

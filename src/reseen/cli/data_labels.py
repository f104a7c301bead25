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

    from reseen.tasks.training_labels import write_training_labels

    count = write_training_labels(
        directory, out, layout=layout, variant=variant, identity_pattern=identity_pattern
    )
    Console(highlight=False).print(
        f"Labels of {count:,} crops written to {out}; train with --data.labels {out}",
        markup=False,
        soft_wrap=True,
    )

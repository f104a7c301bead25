"""`reseen data fetch`: where to get each benchmark, and its terms of use."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from reseen.datasets.dataset import Dataset

_ACCESS = {
    "page": "from its owners' page",
    "request": "on request from its owners",
    "withdrawn": "none: withdrawn by its authors",
    "own": "your own data",
}


def fetch(name: str | None = None) -> None:
    """Show where to get each benchmark, its terms of use and the expected layout on disk.

    Nothing is downloaded: none of the owners is known to offer a direct link, with a checksum, that may be used
    without reading the terms on their page.

    Parameters
    ----------
    name
        A layout, such as msmt17, to show in detail; default: a summary of all benchmarks.
    """
    from rich.console import Console

    from reseen.datasets import DATASETS

    console = Console(highlight=False, soft_wrap=True)
    if name is not None:
        _print_details(console, _find(name))
        return
    DATASETS.load()
    for dataset in DATASETS.values():
        if dataset.access != "own":
            _print_short(console, dataset)
    console.print(
        "reseen downloads none of these: only their owners distribute them, under the terms on their page.\n"
        "Next: reseen data fetch NAME (expected layout on disk), then reseen data check DIRECTORY."
    )


def _find(name: str) -> "Dataset":
    from reseen.config import suggestion
    from reseen.datasets import DATASETS
    from reseen.errors import SettingsError

    dataset = DATASETS.find(name)
    if dataset is None:
        known = [str(layout) for layout in DATASETS]
        hint = suggestion(name, known) or f"; known: {', '.join(known)}"
        raise SettingsError(f"no data set '{name}'{hint}")
    return dataset


def _print_short(console: "Console", dataset: "Dataset") -> None:
    from rich.text import Text

    console.print(Text.assemble((str(dataset.layout), "bold cyan"), f"  {dataset.title}: {dataset.size}"))
    if dataset.access != "withdrawn":
        console.print(f"    where  {dataset.page}", markup=False)
    console.print(f"    access {_ACCESS[dataset.access]}", markup=False)
    console.print(f"    terms  {dataset.terms}\n", markup=False)


def _print_details(console: "Console", dataset: "Dataset") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console.print(Text(dataset.title, style="bold"))
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in _facts(dataset):
        if text:
            table.add_row(label, Text(text))
    console.print(table)
    flag = "" if dataset.access == "own" else f" --layout {dataset.layout}"
    console.print(Text.assemble("next: ", (f"reseen data check DIRECTORY{flag}", "bold cyan")))


def _facts(dataset: "Dataset") -> list[tuple[str, str]]:
    first = dataset.variants[0]
    counts = [
        f"{split}: " + ", ".join(f"{value:,} {quantity}" for quantity, value in quantities.items())
        for split, quantities in first.published.items()
    ]
    names = [variant.name for variant in dataset.variants]
    shown = names if len(names) <= 12 else [*names[:6], "...", names[-1]]
    return [
        ("what", dataset.size),
        ("source", dataset.source),
        ("where", dataset.page if dataset.access != "withdrawn" else ""),
        ("access", _ACCESS[dataset.access]),
        ("terms", dataset.terms),
        ("on disk", dataset.expected_files),
        ("cameras", f"from {dataset.cameras_from}"),
        ("variants", f"{', '.join(shown)} (default: the first)" if len(names) > 1 else ""),
        (
            "scored by",
            ", ".join(dict.fromkeys(variant.protocol for variant in dataset.variants))
            if dataset.splits
            else "",
        ),
        ("published", "\n".join(counts)),
        ("note", dataset.note),
    ]

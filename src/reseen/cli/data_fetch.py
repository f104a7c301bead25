"""`reseen data fetch`: where benchmarks are to be had, and under which terms."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from reseen.datasets.dataset import Dataset

_ACCESS = {
    "page": "from the page of its owners",
    "request": "on request to its owners",
    "withdrawn": "no longer: its authors withdrew it",
    "own": "your own data",
}


def fetch(name: str | None = None) -> None:
    """Say where each benchmark is to be had, under which terms, and how it must lie on disk.

    Nothing is downloaded: none of the owners is known to offer a set at an address of its own, with a checksum, that
    may be fetched without reading their page.

    Parameters
    ----------
    name
        A layout, such as msmt17, to read all about it; without it, all benchmarks in short.
    """
    from rich.console import Console

    from reseen.datasets import DATASETS

    console = Console(highlight=False, soft_wrap=True)
    if name is not None:
        _print_details(console, _find(name))
        return
    for dataset in DATASETS.values():
        if dataset.access != "own":
            _print_short(console, dataset)
    console.print(
        "reseen downloads none of these: the owners hand them out themselves, and what their page says counts.\n"
        "Next: reseen data fetch NAME (how it must lie on disk), then reseen data check DIRECTORY."
    )


def _find(name: str) -> "Dataset":
    from reseen.config import suggestion
    from reseen.datasets import DATASETS, Layout
    from reseen.errors import SettingsError

    known = [str(layout) for layout in DATASETS]
    if name not in known:
        hint = suggestion(name, known) or f"; known: {', '.join(known)}"
        raise SettingsError(f"no data set '{name}'{hint}")
    return DATASETS[Layout(name)]


def _print_short(console: "Console", dataset: "Dataset") -> None:
    from rich.text import Text

    console.print(Text.assemble((str(dataset.layout), "bold cyan"), f"  {dataset.title}: {dataset.size}"))
    if dataset.access != "withdrawn":
        console.print(f"    where  {dataset.page}", markup=False)
    console.print(f"    had    {_ACCESS[dataset.access]}", markup=False)
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
        ("had", _ACCESS[dataset.access]),
        ("terms", dataset.terms),
        ("on disk", dataset.expected_files),
        ("cameras", f"from {dataset.cameras_from}"),
        ("variants", f"{', '.join(shown)} (the first where none is given)" if len(names) > 1 else ""),
        (
            "scored by",
            ", ".join(dict.fromkeys(variant.protocol for variant in dataset.variants))
            if dataset.splits
            else "",
        ),
        ("published", "\n".join(counts)),
        ("note", dataset.note),
    ]

"""`reseen cache show` and `reseen cache clear`: the decoded crops that are kept on disk."""

from pathlib import Path


def show(*, cache_dir: Path | None = None) -> None:
    """Show where decoded crops are kept and how much room they take.

    Parameters
    ----------
    cache_dir
        The cache folder, when it is not the usual one.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from reseen.data.pixel_cache import cache_folder, entries
    from reseen.text import printable

    console = Console(highlight=False)
    folder = cache_folder(cache_dir)
    held = entries(folder)
    console.print(f"Cache of decoded crops: {folder}", markup=False, soft_wrap=True)
    if not held:
        console.print("It is empty.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title, justify in (
        ("data", "left"),
        ("crops", "right"),
        ("height x width", "right"),
        ("size", "right"),
    ):
        table.add_column(title, justify=justify, overflow="fold")
    table.add_column("last used", justify="right")
    for entry in reversed(held):
        details = entry.details
        table.add_row(
            Text(printable(details["root"])),
            f"{details['images']:,}",
            f"{details['height']} x {details['width']}",
            _size(entry.size_bytes),
            _ago(entry.used),
        )
    console.print(table)
    total = sum(entry.size_bytes for entry in held)
    console.print(f"{len(held)} {'entry' if len(held) == 1 else 'entries'}, {_size(total)} in all")


def clear(*, cache_dir: Path | None = None) -> None:
    """Remove all decoded crops; they are decoded again when needed.

    Parameters
    ----------
    cache_dir
        The cache folder, when it is not the usual one.
    """
    from rich.console import Console

    from reseen.data.pixel_cache import cache_folder
    from reseen.data.pixel_cache import clear as clear_folder

    folder = cache_folder(cache_dir)
    freed = clear_folder(folder)
    said = f"Freed {_size(freed)} in {folder}" if freed else f"Nothing to remove in {folder}"
    Console(highlight=False).print(said, markup=False, soft_wrap=True)


def _size(size_bytes: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size_bytes >= scale:
            return f"{size_bytes / scale:.1f} {unit}"
    return f"{size_bytes / 1e3:.0f} kB"


def _ago(moment: float) -> str:
    import time

    passed = max(0.0, time.time() - moment)
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(passed // length)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"

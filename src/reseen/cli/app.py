"""The tree of commands."""

from cyclopts import App

import reseen


def build_app() -> App:
    """Commands by name; modules are imported when a command runs or asks for its own help."""
    app = App(
        name="reseen",
        help="Learn to re-identify people from crops that nobody labelled.",
        version=reseen.__version__,
        help_format="plaintext",
    )
    for name, text in _COMMANDS.items():
        app.command(f"reseen.cli.{text[0]}", name=name, help=text[1])
    data = App(name="data", help="Draw, look at and cache crops.", help_format="plaintext")
    for name, text in _DATA_COMMANDS.items():
        data.command(f"reseen.cli.{text[0]}", name=name, help=text[1])
    cache = App(name="cache", help="Decoded crops on this disk.", help_format="plaintext")
    for name, text in _CACHE_COMMANDS.items():
        cache.command(f"reseen.cli.{text[0]}", name=name, help=text[1])
    app.command(data)
    app.command(cache)
    return app


_COMMANDS = {
    "demo": ("demo:demo", "Draw a crowd, learn from it, score before and after, write a report."),
    "train": ("train:train", "Train an encoder on unlabelled crops."),
    "evaluate": ("evaluate:evaluate", "Score a trained encoder on query and gallery."),
    "embed": ("embed:embed", "Write the vectors of a folder of crops to a Parquet file."),
    "recipes": ("recipes:recipes", "List the shipped recipes, or print one with all its settings."),
    "doctor": ("doctor:doctor", "Check this machine: versions, device, disk, and what will be slow and why."),
}

_DATA_COMMANDS = {
    "toy": ("toy:toy", "Draw a crowd of people seen by several cameras."),
    "check": ("data_check:check", "Say how a folder of crops is laid out and what is wrong with it."),
}

_CACHE_COMMANDS = {
    "show": ("cache:show", "Where decoded crops are kept and how much they take."),
    "clear": ("cache:clear", "Delete decoded crops."),
}

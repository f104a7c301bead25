"""The tree of commands."""

import difflib
from collections.abc import Sequence

from cyclopts import App, CycloptsError, MissingArgumentError

import reseen


def build_app() -> App:
    """Commands by name; modules are imported when a command runs or asks for its own help."""
    app = App(
        name="reseen",
        help="Learn to re-identify people from crops that nobody labelled.",
        version=reseen.__version__,
        help_format="plaintext",
        suppress_keyboard_interrupt=False,  # `main` says what is left of the work
    )
    for name, text in _COMMANDS.items():
        app.command(f"reseen.cli.{text[0]}", name=name, help=text[1])
    data = App(name="data", help="Draw, look at, find and cache crops.", help_format="plaintext")
    for name, text in _DATA_COMMANDS.items():
        data.command(f"reseen.cli.{text[0]}", name=name, help=text[1])
    cache = App(name="cache", help="Decoded crops on this disk.", help_format="plaintext")
    for name, text in _CACHE_COMMANDS.items():
        cache.command(f"reseen.cli.{text[0]}", name=name, help=text[1])
    app.command(data)
    app.command(cache)
    return app


def explain(error: CycloptsError, tokens: Sequence[str]) -> str:
    """One sentence for a command line that does not fit, with the place to look things up."""
    command = " ".join(["reseen", *(error.command_chain or ())])
    if not isinstance(error, MissingArgumentError) or error.argument is None or error.keyword:
        said = str(error).rstrip(".")
        return f"{said[:1].lower()}{said[1:]}; see `{command} --help`"
    name = error.argument.name
    if name in tokens:
        return f"{name} needs a value; see `{command} --help`"
    if error.argument.field_info.is_positional:
        return f"`{command}` needs {name.removeprefix('--').upper()}; see `{command} --help`"
    near = difflib.get_close_matches(name, tokens, n=1, cutoff=0.6)
    hint = f"; did you mean {name} where it says {near[0]}?" if near else f"; see `{command} --help`"
    return f"`{command}` needs {name}{hint}"


_COMMANDS = {
    "demo": (
        "demo:demo",
        "Draw a crowd, learn from it, score before and after, write a report.\n\n"
        "Takes about five minutes on two cores; given again, it goes on where it stopped.",
    ),
    "train": (
        "train:train",
        "Train an encoder on unlabelled crops.\n\n"
        "Any setting of the recipe may follow as a flag, such as --method.dbscan.eps 0.5 or --train.rounds 20; "
        "`reseen recipes NAME` prints them all.",
    ),
    "evaluate": (
        "evaluate:evaluate",
        "Score a trained encoder, or anybody's features, on query and gallery.",
    ),
    "embed": ("embed:embed", "Write the vectors of a folder of crops to a Parquet file."),
    "cluster": (
        "cluster:cluster",
        "Cluster a folder of crops; write a CSV file and a page to look at.\n\n"
        "Any setting of the clustering may follow as a flag, such as --hierarchy.clusters 300 or "
        "--hierarchy.linkage single. Without one that says when to stop, the number of clusters is chosen where halves "
        "of the features agree best.",
    ),
    "audit": (
        "audit:audit",
        "Say how good a run is without labels, and which similarity means one person.\n\n"
        "Reads no identities. Writes audit.json into the run folder. With --verify it writes a page of questions for a "
        "person, and with --answers it tells precision and recall from what was answered.",
    ),
    "weights": (
        "weights:weights",
        "Write the weights of a run's backbone, or of a converted file, with the name of the timm model.",
    ),
    "index": (
        "index:index",
        "Keep the crops of a folder in a gallery that can be searched.\n\n"
        "Crops that are there are skipped, so the same command goes on after an interruption, takes in new crops, and "
        "brings clusters up to date.",
    ),
    "search": (
        "search:search",
        "Find the crops of a gallery that look most like an image.\n\n"
        "Prints a table, with small pictures where the terminal has colors for them, and writes a page with all "
        "answers.",
    ),
    "forget": (
        "forget:forget",
        "Forget crops: their vectors, thumbnails and decoded pixels.\n\n"
        "Without --yes nothing is changed and you see what would go. The image files themselves are never deleted. "
        "What was forgotten is noted without a picture, and is not taken in again by `reseen index`.",
    ),
    "export": (
        "export:export",
        "Write the model to a file that trackers and other programs run.\n\n"
        "ONNX, OpenVINO or torch, in float32 or int8. The file is checked against the run before it takes its place.",
    ),
    "view": (
        "view:view",
        "Look at a gallery or a run in the browser: clusters, mends, a map, search.\n\n"
        "Prints an address that works once and opens it. A run is indexed into its own folder first.",
    ),
    "plan": (
        "plan:plan",
        "Say what work will take on this machine, in time, memory and disk, before it starts.\n\n"
        "Rehearses the real stages for some seconds to a minute and tells the size that was asked for from them. "
        "Settings follow as flags, as for the work itself.",
    ),
    "recipes": ("recipes:recipes", "List the shipped recipes, or print one with all its settings."),
    "report": ("report:report", "Build the page of results, with the literature's figures beside ours."),
    "doctor": ("doctor:doctor", "Check this machine: versions, device, disk, and what will be slow and why."),
}

_DATA_COMMANDS = {
    "toy": ("toy:toy", "Draw a crowd of people seen by several cameras."),
    "check": (
        "data_check:check",
        "Say how a folder of crops is laid out and what is wrong with it.\n\n"
        "Reads every file once; shows the layout, crops and cameras of each split beside the published counts, sizes, "
        "unreadable files, exact duplicates, label errors, people in two splits and splits that look swapped.",
    ),
    "labels": (
        "data_labels:labels",
        "Write who is on each training crop of a benchmark to a file, to train source on.",
    ),
    "fetch": (
        "data_fetch:fetch",
        "Say where each benchmark is to be had, under which terms, and how it must lie on disk.\n\n"
        "Nothing is downloaded.",
    ),
}

_CACHE_COMMANDS = {
    "show": ("cache:show", "Where decoded crops are kept and how much they take."),
    "clear": ("cache:clear", "Delete decoded crops."),
}

"""The tree of commands."""

import difflib
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group, MissingArgumentError, UnknownCommandError

import reseen


def build_app() -> App:
    """The command-line application; a command's module is imported when it runs or shows its help."""
    app = App(
        name="reseen",
        help="Train, evaluate and use person re-identification models without labels.",
        version=reseen.__version__,
        help_format="plaintext",
        suppress_keyboard_interrupt=False,  # `main` reports how much of the work is done
    )
    groups = {
        name: Group(name, help=f"Example: {example}", sort_key=place)
        for place, (name, example, _) in enumerate(_GROUPS)
    }
    group_of = {command: groups[name] for name, _, commands in _GROUPS for command in commands}
    for name, text in _COMMANDS.items():
        app.command(f"reseen.cli.{text[0]}", name=name, help=text[1], group=group_of[name])
    for group, (text, commands) in _BRANCHES.items():
        branch = App(name=group, help=text, help_format="plaintext", group=group_of[group])
        for name, command in commands.items():
            branch.command(f"reseen.cli.{command[0]}", name=name, help=command[1])
        app.command(branch)
    return app


def explain(error: CycloptsError, tokens: Sequence[str]) -> str:
    """A one-sentence message for a command-line error, with a suggestion or the help command to run."""
    command = " ".join(["reseen", *(error.command_chain or ())])
    if isinstance(error, UnknownCommandError) and error.unused_tokens:
        tables = {f"reseen {group}": list(commands) for group, (_, commands) in _BRANCHES.items()}
        tables["reseen"] = [*_COMMANDS, *_BRANCHES]
        unknown = error.unused_tokens[0]
        near = difflib.get_close_matches(unknown, tables.get(command, []), n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        return f"no command '{unknown}'; {hint}`{command} --help` lists all commands"
    if not isinstance(error, MissingArgumentError) or error.argument is None or error.keyword:
        message = str(error).rstrip(".")
        return f"{message[:1].lower()}{message[1:]}; see `{command} --help`"
    name = error.argument.name
    if name in tokens:
        return f"{name} needs a value; see `{command} --help`"
    if error.argument.field_info.is_positional:
        return f"`{command}` needs {name.removeprefix('--').upper()}; see `{command} --help`"
    near = difflib.get_close_matches(name, tokens, n=1, cutoff=0.75)
    hint = f"; did you mean {name} instead of {near[0]}?" if near else f"; see `{command} --help`"
    return f"`{command}` needs {name}{hint}"


_GROUPS = (
    ("Start", "reseen demo", ("demo", "doctor", "data", "crop")),
    ("Train", "reseen train auto --data crops --out runs/mine", ("recipes", "plan", "train")),
    (
        "Measure",
        "reseen evaluate runs/mine --data Market-1501",
        ("evaluate", "compare", "audit", "report"),
    ),
    ("Cluster and embed", "reseen cluster runs/mine --data crops --out clusters.csv", ("cluster", "embed")),
    (
        "Gallery",
        "reseen index runs/mine --data crops --gallery galleries/mine",
        ("index", "search", "people", "watch", "view", "forget"),
    ),
    ("Share", "reseen export runs/mine --out person.onnx", ("export", "annotations", "push", "weights")),
    ("Maintenance", "reseen cache show", ("cache", "completion")),
)
"""Title, an example, and the commands of each panel of `reseen --help`."""

_COMMANDS = {
    "demo": (
        "demo:demo",
        "Train on a synthetic data set without labels, score before and after, write a report.\n\n"
        "With --video: draw recordings of a crowd, crop the people in them, train, and index a gallery for the viewer. "
        "Takes about five minutes on two cores. If interrupted, rerun the command to resume.",
    ),
    "crop": (
        "crop:crop",
        "Find, follow and crop people in videos; write a manifest to train on or to index.\n\n"
        "Takes video files, folders of them, folders of frames, and streams. Every setting is also a flag, such as "
        "--detector yolox.onnx, --thin.seconds 1 or --track.lost-seconds 2. Rerun the command to resume after an "
        "interruption, or to add new videos.",
    ),
    "watch": (
        "watch:watch",
        "Follow people through a stream and look each up in a gallery; one line of JSON per tracklet that has ended."
        "\n\n"
        "Takes the settings of `reseen crop` as flags, such as --detector yolox.onnx or --track.lost-seconds 2. Ctrl-C "
        "ends it, with a line for everybody who is still in view.",
    ),
    "train": (
        "train:train",
        "Train an encoder on unlabeled crops.\n\n"
        "Every setting of the recipe is also a flag, such as --method.clustering.eps 0.5 or --train.rounds 20; "
        "`reseen recipes NAME` prints them all.",
    ),
    "evaluate": (
        "evaluate:evaluate",
        "Evaluate a trained encoder, or precomputed features, on query and gallery.",
    ),
    "compare": (
        "compare:compare",
        "Compare two runs, or a run with its starting weights: better, no different, worse, or cannot say.\n\n"
        "By scores, query by query, where the data names people; elsewhere by what can be measured without labels.",
    ),
    "embed": ("embed:embed", "Write the embeddings of a folder of crops to a Parquet file."),
    "cluster": (
        "cluster:cluster",
        "Cluster a folder of crops; write a CSV file and an HTML page.\n\n"
        "Every setting of the clustering is also a flag, such as --clustering.clusters 300 or "
        "--clustering.linkage single. Without a stopping criterion, the number of clusters is chosen where the "
        "clusterings of two halves of the features agree best.",
    ),
    "audit": (
        "audit:audit",
        "Estimate the quality of a run without labels, and calibrate its similarity threshold from answers.\n\n"
        "Reads no identities. Writes audit.json into the run folder. --verify writes a page of questions for a human "
        "annotator; --answers estimates precision, recall and threshold from them.",
    ),
    "completion": (
        "completion:completion",
        "Complete commands and flags by the Tab key: print the script of a shell, or install it.",
    ),
    "weights": (
        "weights:weights",
        "Save the backbone weights of a run, or of a converted file, together with the name of the timm model.",
    ),
    "index": (
        "index:index",
        "Index a folder of crops in a searchable gallery.\n\n"
        "Crops already in the gallery are skipped: rerun the command to resume after an interruption, to add new "
        "crops, or to update clusters.",
    ),
    "search": (
        "search:search",
        "Search a gallery for the crops most similar to an image.\n\n"
        "Prints a table, with thumbnails where the terminal has true color, and writes a page with all results.",
    ),
    "forget": (
        "forget:forget",
        "Delete crops from a gallery: their embeddings, thumbnails and decoded pixels.\n\n"
        "Without --yes this is a dry run. The image files themselves are never deleted. Deletions are logged without "
        "images, and `reseen index` does not add the deleted crops again.",
    ),
    "export": (
        "export:export",
        "Export the model to a file for trackers and other programs.\n\n"
        "ONNX, OpenVINO, torch, or a folder for the package reid. Outputs are compared with the run's before the file "
        "is written.",
    ),
    "push": (
        "push:push",
        "Publish the encoder of a run with its model card on the Hugging Face Hub.\n\n"
        "Only the model's settings, its weights and the card are uploaded. Log in first with `hf auth login`.",
    ),
    "view": (
        "view:view",
        "View a gallery or a run in the browser: clusters, review, map, search.\n\n"
        "Prints a one-time address and opens it. A run is first indexed into its own folder.",
    ),
    "plan": (
        "plan:plan",
        "Estimate the time, memory and disk that a job needs on this machine, before it starts.\n\n"
        "Benchmarks the real stages for up to a minute and extrapolates to the requested size. Settings are flags, as "
        "for the job itself.",
    ),
    "recipes": ("recipes:recipes", "List the built-in recipes, or print one with all its settings."),
    "report": ("report:report", "Build a leaderboard page from results, next to published figures."),
    "doctor": (
        "doctor:doctor",
        "Check your setup and flag bottlenecks: versions, device, threads, memory, disk.",
    ),
}

_DATA_COMMANDS = {
    "toy": ("toy:toy", "Generate a synthetic data set of people seen by several cameras: crops, or videos."),
    "check": (
        "data_check:check",
        "Check a data set before training on it.\n\n"
        "Reads every file once; shows the layout, crops and cameras of each split next to the published counts, sizes, "
        "unreadable files, exact duplicates, label errors, people in two splits and splits that look swapped.",
    ),
    "labels": (
        "data_labels:labels",
        "Write the identities of a benchmark's training crops to a CSV file, for supervised training.",
    ),
    "fetch": (
        "data_fetch:fetch",
        "Show where to get each benchmark, its terms of use and the expected layout on disk.\n\n"
        "Nothing is downloaded.",
    ),
}

_CACHE_COMMANDS = {
    "show": ("cache:show", "Show where decoded crops and features are cached and how much space they take."),
    "clear": ("cache:clear", "Delete decoded crops and features."),
}

_PEOPLE_COMMANDS = {
    "list": ("people:list_people", "List people, those with a name first."),
    "show": ("people:show", "Show a person: sightings by time, and who decided on each."),
    "questions": ("people:questions", "List crops of which a person is to say whom they show."),
    "update": (
        "people_update:update",
        "Make people of the clusters, or match them with clusters and crops that are new; list what changed.",
    ),
    "rename": ("people_edits:rename", "Name a person."),
    "merge": ("people_edits:merge", "Merge people into one."),
    "split": ("people_edits:split", "Make crops of a person a person of their own."),
    "move": ("people_edits:move", "Say that crops show a person."),
    "reject": ("people_edits:reject", "Say that crops do not show a person."),
    "undo": ("people_edits:undo", "Undo the last edit of people or clusters, or answer."),
    "redo": ("people_edits:redo", "Redo the last undone edit."),
    "export": ("people:export", "Write people to a CSV, Parquet, JSON or HTML file."),
    "adopt": (
        "people_update:adopt",
        "Take over people and answers of another gallery of the same crops, such as one of an earlier model.",
    ),
    "cameras": (
        "people_update:cameras",
        "Learn which cameras neighbor each other, and how long people walk between them.",
    ),
}

_ANNOTATIONS_COMMANDS = {
    "export": (
        "annotations:export",
        "Write the crops of a gallery, with people or clusters as track numbers, for an annotation tool.\n\n"
        "Crops that `reseen crop` cut out of recordings become boxes on frames; others are pictures of their own.",
    ),
    "import": (
        "annotations:import_",
        "Read people that were named, merged or split in an annotation tool into a gallery, as one edit.",
    ),
}

_BRANCHES = {
    "data": ("Prepare and check data sets.", _DATA_COMMANDS),
    "cache": ("Manage the caches of decoded crops and of features.", _CACHE_COMMANDS),
    "people": ("Name, merge, split and export the people of a gallery.", _PEOPLE_COMMANDS),
    "annotations": ("Exchange people with annotation tools: COCO, CVAT, FiftyOne.", _ANNOTATIONS_COMMANDS),
}
"""Groups of commands: what they are for, and their commands."""

"""The demo: train on a synthetic data set without labels, evaluate before and after, and write a report."""

from dataclasses import dataclass
from pathlib import Path

from reseen.data.crops import open_crops
from reseen.datasets import read_training
from reseen.errors import RunError
from reseen.evaluate.metrics import RetrievalScore
from reseen.files import make_folder
from reseen.runs.checkpoint import CHECKPOINT
from reseen.runs.recipe import Recipe, as_recipe
from reseen.runs.run import Run
from reseen.synthetic import crowd_exists, draw_crowd
from reseen.tasks.evaluation.report import report_run
from reseen.tasks.evaluation.score import read_benchmark, retrieve
from reseen.training.train import train

_TITLE = "Unsupervised training on a synthetic crowd"


@dataclass(frozen=True)
class Demo:
    """The outputs of the demo."""

    run: Run
    before: RetrievalScore
    """Score of the starting weights, with BNNeck statistics estimated on the training data."""
    after: RetrievalScore
    """Score of the last round."""
    report: Path


def run_demo(
    out: str | Path,
    recipe: Recipe | str | Path = "demo",
    *,
    people: int = 60,
    cameras: int = 6,
    quiet: bool = False,
) -> Demo:
    """Generate a synthetic data set, train on it, evaluate and write a report, all into the folder `out`.

    Training and test people are disjoint. If interrupted, repeat the call to resume.

    Args:
        out: the output folder.
        recipe: the recipe to train with, the name of a built-in one, or a YAML file.
        people: number of people; half are for training.
        cameras: number of cameras.
        quiet: hide progress.

    Raises:
        StorageError: `out` cannot be written.
        RunError: `out` holds a demo with other settings.

    Example:
        >>> demo = reseen.run_demo("demo")
        >>> demo.after.mean_average_precision - demo.before.mean_average_precision
    """
    folder = make_folder(Path(out).expanduser())
    recipe = as_recipe(recipe)
    crowd = folder / "crowd"
    if (folder / "run" / CHECKPOINT).is_file() and not crowd_exists(crowd, people, cameras, recipe.seed):
        raise RunError(f"{folder}: holds a demo with other settings; choose another folder")
    draw_crowd(crowd, people=people, cameras=cameras, seed=recipe.seed, progress=not quiet)
    benchmark = read_benchmark(crowd)
    run = train(recipe, crowd, folder / "run", resume=True, quiet=quiet)
    before = retrieve(run, benchmark, untrained=True, quiet=True).score()
    retrieval = retrieve(run, benchmark, quiet=quiet)
    after = retrieval.score()
    height, width = run.facts["height"], run.facts["width"]
    crops = open_crops(read_training(crowd), recipe.data, height, width, progress=False)
    report = folder / "report.html"
    report_run(report, run, crops, retrieval, {"before": before, "after": after}, _TITLE)
    return Demo(run, before, after, report)

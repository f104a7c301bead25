"""The demo on video: draw recordings, crop the people, train without labels, and index a gallery."""

from dataclasses import dataclass
from pathlib import Path

from reseen.errors import RunError
from reseen.files import make_folder
from reseen.gallery.index import IndexResult, index_run
from reseen.runs.checkpoint import CHECKPOINT
from reseen.runs.recipe import Recipe, load_recipe
from reseen.runs.run import Run
from reseen.synthetic import crowd_video_exists, draw_crowd_video
from reseen.training.train import train
from reseen.video.crop import crop_videos
from reseen.video.crop_files import CroppedVideos
from reseen.video.settings import CropSettings, crop_settings

_RECIPE = (
    "--data.tracklet-constraints", "cannot-link", "--train.rounds", "10", "--method.center-cameras", "true",
    "--method.clustering.jaccard.k1", "10", "--method.clustering.jaccard.k2", "3",
)  # fmt: skip
"""Changes to the recipe `demo`, because tracklets are known and there are fewer crops."""


@dataclass(frozen=True)
class VideoDemo:
    """The outputs of the demo on video."""

    cropped: CroppedVideos
    run: Run
    indexed: IndexResult


def run_video_demo(
    out: str | Path,
    recipe: Recipe | None = None,
    *,
    people: int = 12,
    cameras: int = 3,
    seconds: float = 30.0,
    settings: CropSettings | None = None,
    quiet: bool = False,
) -> VideoDemo:
    """Draw videos of a crowd, crop, train and index, all in the folder `out`.

    People are cropped by motion, into `crops`. The exact tracks are written next to the videos, and are not used. If
    interrupted, repeat the call to resume.

    Args:
        out: the output folder.
        recipe: the training recipe; None for the built-in recipe `demo` with cannot-links of tracklets.
        people: number of people, each of whom walks once through the view of every camera.
        cameras: number of cameras, each with one video.
        seconds: duration of each video in seconds.
        settings: detection, tracking and selection of crops.
        quiet: hide progress.

    Returns:
        The crops, the run and the indexed gallery.

    Raises:
        StorageError: `out` cannot be written.
        RunError: `out` contains a demo with other settings.
        DataError: `out` contains other files.

    Example:
        >>> demo = reseen.run_video_demo("demo-video")
        >>> demo.cropped.crops, demo.indexed.count
    """
    folder = make_folder(Path(out).expanduser())
    if recipe is None:
        recipe = load_recipe("demo", _RECIPE)
    settings = settings or crop_settings(["--motion.smallest", "0.15"])
    videos = folder / "videos"
    drawn = crowd_video_exists(videos, people, cameras, recipe.seed, seconds=seconds)
    if (folder / "run" / CHECKPOINT).is_file() and not drawn:
        raise RunError(f"{folder}: contains a demo with other settings; choose another folder")
    draw_crowd_video(videos, people, cameras, recipe.seed, seconds=seconds, progress=not quiet)
    cropped = crop_videos([videos], folder / "crops", settings=settings, quiet=quiet)
    run = train(recipe, cropped.manifest, folder / "run", resume=True, quiet=quiet)
    indexed = index_run(run, cropped.manifest, folder / "gallery", quiet=quiet)
    return VideoDemo(cropped, run, indexed)

"""`reseen data toy`."""

from pathlib import Path


def toy(
    out: Path,
    *,
    people: int = 60,
    cameras: int = 6,
    seed: int = 0,
    images_per_camera: int = 4,
    height: int = 128,
    width: int = 64,
    share_train: float = 0.5,
    processes: int | None = None,
    quiet: bool = False,
) -> None:
    """Generate a synthetic data set of people seen by several cameras, in the Market-1501 layout.

    Parameters
    ----------
    out
        A new or empty folder, or one with a synthetic data set, which is overwritten.
    people
        Number of people in all splits, 1 to 9999.
    cameras
        Number of cameras, 1 to 99; every person appears in each.
    seed
        Random seed; the same seed and settings give the same files.
    images_per_camera
        Crops of each person in each camera, 2 to 99.
    height
        Height of a crop in pixels.
    width
        Width of a crop in pixels.
    share_train
        Share of the people in the training set, 0 to 1; the others form query and gallery.
    processes
        Number of processes; default: the usable cores.
    quiet
        Hide progress.
    """
    import shlex
    import time

    from rich.console import Console
    from rich.text import Text

    from reseen.synthetic import draw_crowd

    started = time.perf_counter()
    counts = draw_crowd(
        out,
        people,
        cameras,
        seed,
        images_per_camera=images_per_camera,
        height=height,
        width=width,
        share_train=share_train,
        processes=processes,
        progress=not quiet,
    )
    seconds = time.perf_counter() - started
    console = Console(soft_wrap=True, highlight=False)
    crops = (
        f"{counts.train_images:,} for training ({counts.train_people} people), "
        f"{counts.query_images:,} queries and {counts.gallery_images:,} in the gallery "
        f"({counts.test_people} other people), {counts.cameras} cameras"
    )
    console.print(Text.assemble((str(out), "bold"), f": {counts.images:,} crops in {seconds:.1f} s"))
    console.print(Text(f"  {crops}"))
    folder = shlex.quote(str(out))
    if counts.train_images:
        command = f"reseen train cluster-contrast --data {folder} --out {shlex.quote(f'runs/{out.absolute().name}')}"
    else:
        command = f"reseen data check {folder}"
    console.print(Text.assemble("  next: ", (command, "bold cyan")))

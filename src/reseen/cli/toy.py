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
    """Draw a crowd of people seen by several cameras, in the Market-1501 layout.

    Parameters
    ----------
    out
        A new or empty folder, or one with a crowd in it, which is replaced.
    people
        People in training, query and gallery together, 1 to 9999.
    cameras
        Cameras, 1 to 99; everybody passes every camera.
    seed
        The same seed and settings give the same files.
    images_per_camera
        Crops of each person in each camera, 2 to 99.
    height
        Height of a crop in pixels.
    width
        Width of a crop in pixels.
    share_train
        Share of the people in the training set, 0 to 1; the others are query and gallery.
    processes
        Processes that draw; default: the cores at hand.
    quiet
        Show no progress.
    """
    import shlex
    import time

    from rich.console import Console
    from rich.text import Text

    from reseen.synthetic import draw_crowd

    begun = time.perf_counter()
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
    seconds = time.perf_counter() - begun
    console = Console(soft_wrap=True, highlight=False)
    crops = (
        f"{counts.train_images:,} for training ({counts.train_people} people), "
        f"{counts.query_images:,} queries and {counts.gallery_images:,} in the gallery "
        f"({counts.test_people} other people), {counts.cameras} cameras"
    )
    console.print(Text.assemble((str(out), "bold"), f": {counts.images:,} crops in {seconds:.1f} s"))
    console.print(Text(f"  {crops}"))
    place = shlex.quote(str(out))
    if counts.train_images:
        command = (
            f"reseen train cluster-contrast --data {place} --out {shlex.quote(f'runs/{out.absolute().name}')}"
        )
    else:
        command = f"reseen data check {place}"
    console.print(Text.assemble("  next: ", (command, "bold cyan")))

"""`reseen forget`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def forget(
    gallery: str,
    *,
    image: Annotated[list[str] | None, Parameter(negative=())] = None,
    cluster: Annotated[list[int] | None, Parameter(negative=())] = None,
    like: Path | None = None,
    threshold: float | None = None,
    yes: bool = False,
    run: Path | None = None,
    cache_dir: Path | None = None,
    files: Path | None = None,
    null: Annotated[bool, Parameter(name=("--null", "-0"), negative=())] = False,
) -> None:
    """Forget crops: their vectors, thumbnails and decoded pixels.

    Without --yes nothing is changed and you see what would go. The image files themselves are never deleted. What was
    forgotten is noted without a picture, and is not taken in again by `reseen index`.

    Parameters
    ----------
    gallery
        The address that `reseen index` filled.
    image
        The path of a crop, as a search shows it; may be given again.
    cluster
        All crops of this cluster; may be given again.
    like
        All crops at least as similar to this image as the threshold.
    threshold
        Cosine similarity from which on a crop is like the image; that of the run's audit when not given.
    yes
        Do it.
    run
        Where the model's run is now, when it has moved since the gallery was made.
    cache_dir
        The cache of decoded crops, when it is not the usual one.
    files
        Write the paths of the image files to this file, so that you can delete them too.
    null
        End each path in --files by a null character and not by a line break, which names may hold: for `xargs -0`.
    """
    from rich.console import Console

    from reseen.gallery.file_list import check_file_list, write_file_list
    from reseen.gallery.forget import forget as forget_entries
    from reseen.gallery.gallery import open_gallery
    from reseen.gallery.selection import select_entries
    from reseen.gallery.terminal import entry_table

    console = Console(highlight=False)
    with open_gallery(gallery, run) as opened:
        by, where = select_entries(opened, image, cluster, like, threshold)
        if (
            yes and files is not None
        ):  # afterwards it would be too late to say that the list cannot be written
            check_file_list(forget_entries(opened, where, by, dry_run=True, cache_dir=cache_dir).files, null)
        with console.status("forgetting" if yes else "looking"):
            found = forget_entries(opened, where, by, dry_run=not yes, cache_dir=cache_dir)
    if not found.entries:
        print("Nothing in this gallery fits; nothing was changed")
        return
    if found.dry_run:
        console.print(entry_table(found.entries))
    if files is not None:
        write_file_list(files, found.files, null)
        print(f"Paths of the image files written to {files}")
    count = _counted(len(found.entries), "crop")
    cached = f" and {_counted(len(found.cached), 'folder')} of decoded crops" if found.cached else ""
    if found.dry_run:
        print(f"Would forget {count}{cached}. Nothing was changed; add --yes to do it")
        return
    print(f"Forgot {count}{cached}; a search finds none of them. Noted in {found.ledger}")
    print("The image files themselves are where they were; --files lists them")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

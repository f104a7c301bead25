"""`reseen forget`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from reseen.gallery.forget import ForgetResult
    from reseen.gallery.selection import Selection


def forget(
    gallery: str,
    *,
    image: Annotated[list[str] | None, Parameter(negative=())] = None,
    cluster: Annotated[list[int] | None, Parameter(negative=())] = None,
    like: Annotated[list[Path] | None, Parameter(negative=())] = None,
    threshold: float | None = None,
    rounds: int | None = None,
    keep: Annotated[list[str] | None, Parameter(negative=())] = None,
    person: Annotated[list[str] | None, Parameter(negative=())] = None,
    camera: Annotated[list[str] | None, Parameter(negative=())] = None,
    after: str | None = None,
    before: str | None = None,
    yes: bool = False,
    run: Path | None = None,
    cache_dir: Path | None = None,
    files: Path | None = None,
    null: Annotated[bool, Parameter(name=("--null", "-0"), negative=())] = False,
    page: Path = Path("forget.html"),
) -> None:
    """Delete crops from a gallery: their embeddings, thumbnails and decoded pixels.

    Without --yes this is a dry run: a table and a page show the crops to be deleted, and those just below the
    threshold. The image files themselves are never deleted. Deletions are logged without images, and `reseen index`
    does not add the deleted crops again. If interrupted, rerun the command to finish.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    image
        Delete the crop with this path, as shown by a search. Repeatable.
    cluster
        Delete all crops of this cluster. Repeatable.
    like
        Delete all crops whose similarity to this image reaches the threshold. Repeatable, for several images of the
        person.
    threshold
        Cosine similarity threshold; default: the calibrated one, if its trust is medium or high.
    rounds
        With --like: search again with the crops found, this many times; default: 1. -1 repeats until nothing new
        appears, which can add other people where the model confuses them.
    keep
        With --like: the path of a crop of another person, which is kept. Repeatable.
    person
        Delete all crops of this person, by number or name as `reseen people list` shows them. Repeatable.
    camera
        Only crops of this camera; on its own, all of its crops. Repeatable.
    after
        Only at or after this time: Unix seconds, or a date and time such as 2026-05-01T14:30 (UTC unless it has an
        offset).
    before
        Only before this time; on its own, all older crops.
    yes
        Delete; without it, dry run.
    run
        The model's run folder, if it was moved since indexing.
    cache_dir
        An additional cache of decoded crops, besides the recorded ones.
    files
        Write the paths of the image files to this file, so that you can delete them yourself.
    page
        The page to review before --yes.
    null
        Separate paths in --files by null characters instead of line breaks, for `xargs -0`.
    """
    from reseen.gallery.in_use import refuse_if_in_use

    refuse_if_in_use(gallery)  # before torch is imported
    from rich.console import Console

    from reseen.files import check_outputs
    from reseen.gallery.forget_crops import ForgetSettings, forget_crops
    from reseen.gallery.selection import ROUNDS
    from reseen.gallery.terminal import entry_table

    check_outputs(files)
    console = Console(highlight=False)
    settings = ForgetSettings(
        images=image or (),
        clusters=cluster or (),
        like=like or (),
        threshold=threshold,
        rounds=ROUNDS if rounds is None else None if rounds == -1 else rounds,
        kept=keep or (),
        people=person or (),
        cameras=camera or (),
        after=after,
        before=before,
    )
    deletion = forget_crops(
        gallery,
        settings,
        dry_run=not yes,
        run=run,
        cache_dir=cache_dir,
        files=files,
        null=null,
        page=page,
        say=print,
        status=console.status,
    )
    result = deletion.result
    if not result.entries:
        if not deletion.finished:
            print("No crop in this gallery matches; nothing was changed")
        _print_undated(result)
        return
    if result.dry_run:
        console.print(entry_table(result.entries))
    _print_summary(deletion.selection, result)
    if result.dry_run:
        review = "" if deletion.page is None else f"review {deletion.page}, then "
        print(f"Dry run, nothing was changed; {review}add --yes to delete")


def _print_summary(choice: "Selection", deletion: "ForgetResult") -> None:
    """Print what would be or was deleted, and separately what is still similar."""
    count = _counted(len(deletion.entries), "crop")
    if choice.similar is not None:
        by_round = ", then ".join(f"{number:,}" for number in choice.similar.round_counts)
        more = "nothing new appears" if choice.similar.exhausted else "another round (--rounds) may find more"
        print(f"At a similarity of {choice.threshold:.3f} or more, round by round: {by_round}; {more}")
    cached = (
        f" and {_counted(len(deletion.cached), 'folder')} of decoded crops or features"
        if deletion.cached
        else ""
    )
    if deletion.dry_run:
        print(f"Would delete {count}{cached}")
    else:
        print(
            f"Deleted: {count}{cached}; verified that none of their keys is left. Logged in {deletion.deletion_log}"
        )
    if deletion.still_similar is not None:
        state = "would remain" if deletion.dry_run else "remain in the gallery"
        print(
            f"Still similar: {_counted(deletion.still_similar, 'other crop')} with a similarity of "
            f"{deletion.threshold:.3f} or more to one of them {state}. Whether these, or less similar ones, show the "
            "person was not checked"
        )
    elif choice.by != "filter":
        print("Still similar: not compared, no threshold is known; answer questions in `reseen view`")
    _print_undated(deletion)
    if deletion.pages and not deletion.dry_run:
        print(
            f"These files still show or name them; delete them yourself: {', '.join(map(str, deletion.pages))}"
        )
    if not deletion.dry_run:
        print("The image files themselves were not deleted; --files lists them")


def _print_undated(deletion: "ForgetResult") -> None:
    if deletion.undated:
        print(
            f"{_counted(deletion.undated, 'crop')} kept: without a known time, so outside every time window"
        )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

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
    """Forget crops: their vectors, thumbnails and decoded pixels.

    Without --yes nothing is changed, and a table and a page show what would go and what nearly would. The image files
    themselves are never deleted. What was forgotten is noted without a picture, and is not taken in again by `reseen
    index`. An interrupted forgetting is finished by the same command.

    Parameters
    ----------
    gallery
        The address that `reseen index` filled.
    image
        The path of a crop, as a search shows it; may be given again.
    cluster
        All crops of this cluster; may be given again.
    like
        All crops at least as similar to this image as the threshold; give several images of the person.
    threshold
        Cosine similarity from which on a crop is like an image; that of the run's audit when not given.
    rounds
        Beside --like, so many times search again with what was found; once when not given, -1 is until nothing new
        appears, which also joins other people where the model confuses them.
    keep
        Beside --like, the path of a crop of somebody else, which stays; may be given again.
    camera
        Only crops of this camera, or all of them where nothing else is given; may be given again.
    after
        Only at or after this time: seconds, or a date and time such as 2026-05-01T14:30, in UTC unless it says.
    before
        Only before this time. Alone: everything that is older.
    yes
        Do it.
    run
        Where the model's run is now, when it has moved since the gallery was made.
    cache_dir
        A cache of decoded crops beside those that are recorded.
    files
        Write the paths of the image files to this file, so that you can delete them too.
    page
        The page to look at before --yes.
    null
        End each path in --files by a null character and not by a line break, which names may hold: for `xargs -0`.
    """
    from reseen.gallery.in_use import refuse_if_in_use

    refuse_if_in_use(gallery)  # before torch is imported
    from rich.console import Console

    from reseen.files import check_outputs
    from reseen.gallery.file_list import write_file_list
    from reseen.gallery.filter import parse_filter
    from reseen.gallery.forget import forget as forget_entries
    from reseen.gallery.forget import removed_entries
    from reseen.gallery.forget_page import write_forget_page
    from reseen.gallery.gallery import open_gallery
    from reseen.gallery.selection import ROUNDS, select_entries
    from reseen.gallery.terminal import entry_table
    from reseen.gallery.thumbnail import read_thumbnails

    def write_files(paths: list[str]) -> None:
        if files is not None and paths:
            write_file_list(files, paths, null)
            print(f"Paths of the image files written to {files}")

    check_outputs(files)
    console = Console(highlight=False)
    with open_gallery(gallery, run) as opened:
        known = list(opened.store.describe().cameras)
        among = parse_filter(camera, after, before, None, known)
        for note in opened.notes:
            print(note)
        for removed in opened.finished:
            write_files([f"{entry.source}/{entry.image}" for entry in removed_entries(removed)])
        limit = ROUNDS if rounds is None else None if rounds == -1 else rounds
        choice = select_entries(
            opened, image, cluster, like, threshold, rounds=limit, kept=keep or (), among=among
        )
        with console.status("looking"):
            found = forget_entries(
                opened, choice.where, choice.by, dry_run=True, cache_dir=cache_dir, threshold=choice.threshold
            )
        if not found.entries:
            if not opened.finished:
                print("Nothing in this gallery fits; nothing was changed")
            _say_undated(found)
            return
        if yes:
            write_files([*found.files])  # before anything goes: afterwards nobody knows the paths any more
            with console.status("forgetting"):
                found = forget_entries(
                    opened,
                    choice.where,
                    choice.by,
                    dry_run=False,
                    cache_dir=cache_dir,
                    threshold=choice.threshold,
                )
        else:
            console.print(entry_table(found.entries))
            write_files([*found.files])
            if choice.by != "filter":
                write_forget_page(page, opened, choice, found, read_thumbnails(like or ()))
    _say(choice, found)
    if found.dry_run:
        looked = f"; look at {page}" if choice.by != "filter" else ""
        print(f"Nothing was changed{looked}, then add --yes to do it")


def _say(choice: "Selection", found: "ForgetResult") -> None:
    """What would be or was removed, and, apart from it, what is still similar."""
    count = _counted(len(found.entries), "crop")
    if choice.similar is not None:
        by_round = ", then ".join(f"{number:,}" for number in choice.similar.round_counts)
        more = "nothing new appears" if choice.similar.exhausted else "another round (--rounds) may find more"
        print(f"At a similarity of {choice.threshold:.3f} or more, round by round: {by_round}; {more}")
    cached = f" and {_counted(len(found.cached), 'folder')} of decoded crops" if found.cached else ""
    if found.dry_run:
        print(f"Would forget {count}{cached}")
    else:
        print(
            f"Keys removed: {count}{cached}; looked up again, none of these keys was found. "
            f"Noted in {found.deletion_log}"
        )
    if found.still_similar is not None:
        stay = "would stay" if found.dry_run else "are still in the gallery"
        print(
            f"Still similar: {_counted(found.still_similar, 'other crop')}, at {found.threshold:.3f} or more to one of "
            f"them, {stay}. Whether they show the person was not checked, nor whether less similar ones do"
        )
    elif choice.by != "filter":
        print("Still similar: not compared, as no threshold is known; make an audit with `reseen audit`")
    _say_undated(found)
    if found.pages and not found.dry_run:
        print(
            f"These files show them or name them, and are yours to delete: {', '.join(map(str, found.pages))}"
        )
    if not found.dry_run:
        print("The image files themselves are where they were; --files lists them")


def _say_undated(found: "ForgetResult") -> None:
    if found.undated:
        print(f"{_counted(found.undated, 'crop')} without a known time: in no window of time, kept")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

"""`reseen search`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def search(
    gallery: str,
    *images: Path,
    camera: Annotated[list[str] | None, Parameter(negative=())] = None,
    after: str | None = None,
    before: str | None = None,
    cluster: Annotated[list[int] | None, Parameter(negative=())] = None,
    top: int = 20,
    group: bool = False,
    rerank: bool = False,
    together: bool = False,
    run: Path | None = None,
    json: Path | None = None,
    sheet: Path = Path("search.html"),
    pictures: bool = True,
) -> None:
    """Find the crops of a gallery that look most like an image.

    Prints a table, with small pictures where the terminal has colors for them, and writes a page with all answers.

    Parameters
    ----------
    gallery
        The address that `reseen index` filled.
    images
        One or more image files, each of one person.
    camera
        Only this camera; may be given again.
    after
        Only at or after this time: seconds, or a date and time such as 2026-05-01T14:30, in UTC unless it says.
    before
        Only before this time.
    cluster
        Only this cluster; may be given again.
    top
        Answers per image.
    group
        Of each tracklet only its best crop.
    rerank
        Rank the first hundred anew by the neighbors that they share.
    together
        The images show one person: search once, with their mean.
    run
        Where the model's run is now, when it has moved since the gallery was made.
    json
        Also write the answers to this file.
    sheet
        The page to write.
    pictures
        Show small pictures in the terminal.
    """
    from reseen.gallery.in_use import refuse_if_in_use

    refuse_if_in_use(gallery)  # before torch is imported
    from rich.console import Console

    from reseen.errors import SettingsError
    from reseen.files import check_outputs
    from reseen.gallery.contact_sheet import write_sheet
    from reseen.gallery.filter import parse_filter
    from reseen.gallery.gallery import open_gallery
    from reseen.gallery.search_results import search_images, write_json
    from reseen.gallery.terminal import result_table, thumbnail_row
    from reseen.text import printable

    if not images:
        raise SettingsError("no image to search with; name one or more image files after the gallery")
    if top < 1:
        raise SettingsError(f"--top {top}: ask for at least 1 answer")
    check_outputs(json, sheet)
    console = Console(highlight=False)
    with open_gallery(gallery, run) as opened:
        for note in opened.notes:
            console.print(note, markup=False, soft_wrap=True)
        described = opened.store.describe()
        where = parse_filter(camera, after, before, cluster, list(described.cameras))
        asked = search_images(
            opened, images, top, where, group_tracklets=group, rerank=rerank, together=together
        )
        for answers in asked:
            if pictures:
                row = thumbnail_row(console, answers)
                if row is not None:
                    console.print(row)
            console.print(result_table(answers))
        known = printable(opened.why_uncalibrated or opened.calibration_text)
        console.print(known, soft_wrap=True, style="dim", markup=False)
        page = write_sheet(sheet, opened, described.count, asked)
    if json is not None:
        print(f"Answers written to {write_json(json, opened, asked)}")
    print(f"Open {page.resolve()} in a browser")

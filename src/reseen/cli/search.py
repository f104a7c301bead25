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
    center_cameras: Annotated[bool, Parameter(negative=())] = False,
    query_camera: str | None = None,
    run: Path | None = None,
    json: Path | None = None,
    sheet: Path = Path("search.html"),
    pictures: bool = True,
) -> None:
    """Search a gallery for the crops most similar to an image.

    Prints a table, with thumbnails where the terminal has true color, and writes a page with all results.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    images
        One or more image files, each of one person.
    camera
        Only this camera. Repeatable.
    after
        Only at or after this time: Unix seconds, or a date and time such as 2026-05-01T14:30 (UTC unless it has an
        offset).
    before
        Only before this time.
    cluster
        Only this cluster. Repeatable.
    top
        Number of results per image.
    group
        Return only the best crop of each tracklet.
    rerank
        Re-rank the top 100 results by k-reciprocal neighbors.
    together
        Treat the images as one person: search once with their mean embedding.
    center_cameras
        Order results with the mean of its camera subtracted from every vector; similarities shown remain plain.
    query_camera
        With --center-cameras: the camera of the images, if the gallery or its run knows it.
    run
        The model's run folder, if it was moved since indexing.
    json
        Also write the results to this JSON file.
    sheet
        The HTML page to write.
    pictures
        Show thumbnails in the terminal.
    """
    from reseen.gallery.in_use import refuse_if_in_use

    refuse_if_in_use(gallery)  # before torch is imported
    from rich.console import Console

    from reseen.files import check_outputs
    from reseen.gallery.search_gallery import GallerySearchSettings, search_gallery
    from reseen.gallery.terminal import result_table, thumbnail_row
    from reseen.text import printable

    check_outputs(json, sheet)
    console = Console(highlight=False)
    settings = GallerySearchSettings(
        top=top,
        cameras=camera or (),
        after=after,
        before=before,
        clusters=cluster or (),
        group_tracklets=group,
        rerank=rerank,
        together=together,
        center_cameras=center_cameras,
        query_camera=query_camera,
    )
    found = search_gallery(
        gallery,
        images,
        settings,
        run=run,
        page=sheet,
        json=json,
        say=lambda note: console.print(note, markup=False, soft_wrap=True),
    )
    for results in found.searches:
        row = thumbnail_row(console, results) if pictures else None
        if row is not None:
            console.print(row)
        console.print(result_table(results))
    console.print(printable(found.calibration), soft_wrap=True, style="dim", markup=False)
    if json is not None:
        print(f"Results written to {json}")
    assert found.page is not None  # requested above
    print(f"Open {found.page.resolve()} in a browser")

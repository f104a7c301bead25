"""`reseen people update`, `adopt` and `cameras`: people after a new clustering or training, and where they walk."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def update(
    gallery: str,
    *,
    same_from: float | None = None,
    new_below: float | None = None,
    camera_graph: Path | None = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    run: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Make people of the clusters of a gallery, or match them with clusters and crops that are new.

    Crops that a person decided on stay where they are, and named people are neither merged nor split silently: what
    moved, merged, split or is in conflict is listed, and `reseen people undo` takes it back.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    same_from
        Cosine similarity from which crops in no cluster are assigned to the most similar person; default: the
        calibrated one, at medium or high trust.
    new_below
        Cosine similarity below which they are somebody new; default: the calibrated one. Between the two is asked.
    camera_graph
        A YAML file of neighboring cameras and travel times, as written by `reseen people cameras`.
    dry_run
        List what would change, and change nothing.
    run
        The model's run folder, if it was moved since indexing.
    as_json
        Print JSON of all differences.
    """
    from reseen.gallery.in_use import refuse_if_in_use

    refuse_if_in_use(gallery)  # before torch is imported
    from reseen.cli.people import show_differences
    from reseen.gallery.people.update_people import AssignmentSettings, update_people

    settings = AssignmentSettings(same_from, new_below, camera_graph)
    updated = update_people(gallery, settings, run=run, dry_run=dry_run, say=_to_stderr)
    if as_json:
        print(json.dumps(updated.to_json(), indent=1))
        return
    show_differences(updated.differences)
    print(updated.summary)
    print(updated.thresholds)
    if updated.changed:
        print("Dry run, nothing was changed" if dry_run else f"`reseen people undo {gallery}` takes it back")


def adopt(gallery: str, other: str) -> None:
    """Take over the people of another gallery of the same crops, such as that of the model before training anew.

    Parameters
    ----------
    gallery
        The address of the new gallery, which has no people yet.
    other
        The address of the gallery whose people are taken over.
    """
    from reseen.gallery.in_use import refuse_if_in_use

    refuse_if_in_use(gallery)  # before torch is imported
    from reseen.gallery.people.update_people import adopt_from

    adopted = adopt_from(gallery, other, _to_stderr)
    print(f"{adopted.people:,} people with {adopted.crops:,} crops taken over")
    if adopted.answers:
        print(f"{adopted.answers:,} answers to questions taken over; {adopted.calibration}")
    if adopted.missing:
        shown = ", ".join(map(str, adopted.missing[:20]))
        print(f"No crop of {len(adopted.missing):,} others is in this gallery, so they are left out: {shown}")
    print(
        f"next: reseen people update {gallery} --dry-run lists what its clusters would change; "
        f"`reseen people undo {gallery}` takes this back"
    )


def cameras(gallery: str, out: Path, *, anywhere_after: float | None = None) -> None:
    """Learn which cameras neighbor each other, and how long people walk between them, from the people of a gallery.

    Parameters
    ----------
    gallery
        The address of a gallery made by `reseen index`.
    out
        The YAML file to write; read it over before it is used.
    anywhere_after
        Seconds after which somebody may appear under any camera; default: never.
    """
    from reseen.cli.people import open_people
    from reseen.files import check_outputs
    from reseen.gallery.people.camera_graph import CameraGraph

    check_outputs(out)
    with open_people(gallery) as opened:
        graph = CameraGraph.learn(opened.people.all(), anywhere_after)
        print(f"{len(graph.walks):,} pairs of neighboring cameras written to {graph.write(out)}")


def _to_stderr(message: str) -> None:
    import sys

    print(message, file=sys.stderr)

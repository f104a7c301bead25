"""Caveats that a score states about its data: unknown cameras, and queries that are distractors."""

from reseen.evaluate.matches import DISTRACTOR
from reseen.evaluate.task import RetrievalTask
from reseen.records import UNKNOWN_CAMERA


def task_notes(task: RetrievalTask) -> tuple[str, ...]:
    """Caveats on the comparability of a task's score, one sentence each; empty if there are none."""
    notes = list(task.notes)
    cameras = _unknown_cameras(task)
    if cameras:
        notes.append(cameras)
    distractors = int((task.query_identities == DISTRACTOR).sum())
    if distractors:
        notes.append(
            f"{distractors:,} of {len(task.query):,} queries have the identity 0, the number of distractors, and are "
            "not scored; --distractors none counts 0 as a person"
        )
    return tuple(notes)


def _unknown_cameras(task: RetrievalTask) -> str:
    gallery = task.gallery_cameras[task.kept]
    query_unknown = int((task.query_cameras == UNKNOWN_CAMERA).sum())
    gallery_unknown = int((gallery == UNKNOWN_CAMERA).sum())
    if not query_unknown and not gallery_unknown:
        return ""
    subject = "cameras are unknown"
    if query_unknown < len(task.query) and gallery_unknown < len(gallery):
        query, images = (
            f"{query_unknown:,} of {len(task.query):,} query",
            f"{gallery_unknown:,} of {len(gallery):,} gallery images",
        )
        subject = f"the cameras of {query} and {images} are unknown"
    return (
        f"{subject}: matches under the query's own camera count as right answers there, so this score is not "
        "comparable with one under known cameras"
    )

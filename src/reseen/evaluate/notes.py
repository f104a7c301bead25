"""What a score must say about its data: unknown cameras, and queries that are asked for nobody."""

from reseen.evaluate.matches import DISTRACTOR
from reseen.evaluate.task import RetrievalTask
from reseen.records import UNKNOWN_CAMERA


def task_notes(task: RetrievalTask) -> tuple[str, ...]:
    """Sentences on what makes the score of a task another one than it looks; empty where all is known."""
    notes = list(task.notes)
    cameras = _unknown_cameras(task)
    if cameras:
        notes.append(cameras)
    nobody = int((task.query_identities == DISTRACTOR).sum())
    if nobody:
        notes.append(
            f"{nobody:,} of {len(task.query):,} queries have the identity 0, the number of distractors, and are not "
            "scored; --distractors none counts 0 as a person"
        )
    return tuple(notes)


def _unknown_cameras(task: RetrievalTask) -> str:
    gallery = task.gallery_cameras[task.kept]
    asked = int((task.query_cameras == UNKNOWN_CAMERA).sum())
    held = int((gallery == UNKNOWN_CAMERA).sum())
    if not asked and not held:
        return ""
    which = "cameras are unknown"
    if asked < len(task.query) and held < len(gallery):
        query, images = (
            f"{asked:,} of {len(task.query):,} query",
            f"{held:,} of {len(gallery):,} gallery images",
        )
        which = f"the cameras of {query} and {images} are unknown"
    return (
        f"{which}: matches under the query's own camera count as right answers there, so this score is not comparable "
        "with one under known cameras"
    )

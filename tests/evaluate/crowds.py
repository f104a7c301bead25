"""Small random tasks, and the rules written as plain loops."""

import numpy as np
import torch
from hypothesis import strategies as st

from reseen.evaluate import RetrievalTask
from reseen.evaluate.task import DISTRACTOR, JUNK
from reseen.records import UNKNOWN_CAMERA, Features


def features(rows):
    return Features(torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32)))


def exact_rows(generator, count, dimension=16):
    """Unit rows of plus and minus 1/4: products are exact, so that ties are ties in any order of adding."""
    return generator.choice(np.float32([-0.25, 0.25]), size=(count, dimension))


def at_degrees(*degrees):
    radians = np.deg2rad(degrees)
    return features(np.stack([np.cos(radians), np.sin(radians)], axis=1))


@st.composite
def tasks(draw, lowest=JUNK):
    """Tasks with junk, distractors, unknown cameras and many ties; not each has a right answer."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    queries, gallery = draw(st.integers(1, 12)), draw(st.integers(1, 60))
    people, cameras = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    shapes = exact_rows(generator, draw(st.integers(1, 40)))
    return RetrievalTask(
        features(shapes[generator.integers(0, len(shapes), queries)]),
        features(shapes[generator.integers(0, len(shapes), gallery)]),
        generator.integers(lowest, people + 1, queries),
        generator.integers(UNKNOWN_CAMERA, cameras, queries),
        generator.integers(lowest, people + 1, gallery),
        generator.integers(UNKNOWN_CAMERA, cameras, gallery),
    )


def relation(task, q, g):
    """`right`, `wrong`, or None where the pair does not count."""
    if task.gallery_identities[g] == JUNK:
        return None
    person, camera = task.query_identities[q], task.query_cameras[q]
    if person > DISTRACTOR and task.gallery_identities[g] == person:
        same_camera = camera != UNKNOWN_CAMERA and task.gallery_cameras[g] == camera
        return None if same_camera else "right"
    return "wrong"


def similarity(task, q, g):
    return float(task.query.vectors[q] @ task.gallery.vectors[g])


def right_or_wrong(task, q, allowed=lambda g: True):
    """The ranked list of a query as True and False, wrong ones first among equals."""
    pairs = [
        (-similarity(task, q, g), relation(task, q, g) == "right")
        for g in range(len(task.gallery))
        if relation(task, q, g) and allowed(g)
    ]
    return [right for _, right in sorted(pairs)]

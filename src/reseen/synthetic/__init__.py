"""A synthetic data set: drawn people seen by simulated cameras, written in the Market-1501 layout.

    person (appearance) + pose -> figure on a scene (background) -> camera (imaging) -> JPEG

    walks -> frames of a camera, with exact boxes -> video and tracks (MOTChallenge)

Every image has its own random generator, seeded by (seed, person, camera, index, subject), so that its bytes do not
depend on the drawing order or the number of processes. Nothing here imports torch, so that worker processes start fast.
"""

from reseen.synthetic.crowd import CrowdCounts, crowd_exists, draw_crowd
from reseen.synthetic.crowd_video import CrowdVideoCounts, crowd_video_exists, draw_crowd_video

__all__ = [
    "CrowdCounts",
    "CrowdVideoCounts",
    "crowd_exists",
    "crowd_video_exists",
    "draw_crowd",
    "draw_crowd_video",
]

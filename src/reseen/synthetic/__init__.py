"""A synthetic crowd: drawn people seen by drawn cameras, written in the Market-1501 layout.

    person (who) + pose (how) -> figure on a scene (where) -> camera (seen through what) -> JPEG

Every image has its own random generator, made from (seed, person, camera, index), so the bytes do not depend
on the order of drawing or on the number of processes. Nothing here imports torch: workers start fast.
"""

from reseen.synthetic.crowd import CrowdCounts, crowd_exists, draw_crowd

__all__ = ["CrowdCounts", "crowd_exists", "draw_crowd"]

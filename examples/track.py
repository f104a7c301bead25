"""Follow people from frame to frame by their looks alone: an exported model in a tracker's re-identification slot.

python examples/track.py MODEL.onnx CROWD
"""

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from scipy.optimize import linear_sum_assignment

model, crowd = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def embed(crops: list[np.ndarray]) -> np.ndarray:
    """The slot: RGB crops of any sizes to rows of length 1. A tracker cuts them out of a frame by its boxes."""
    return np.concatenate([session.run(["vectors"], {"images": crop[None]})[0] for crop in crops])


frames = defaultdict(list)  # drawn crops stand in for detections: the n-th of every person is in frame n
for file in sorted(Path(crowd).glob("bounding_box_train/*_c1*.jpg")):
    person = file.name[:4]
    frames[sum(person == seen for detections in frames.values() for seen, _ in detections)].append(
        (person, file)
    )

tracks = np.empty((0, 0))  # one unit vector per track, moved a little towards every crop it takes
for frame, detections in frames.items():
    vectors = embed([np.asarray(Image.open(file).convert("RGB")) for _, file in detections])
    if not len(tracks):
        tracks = vectors.copy()
    distances = 1 - vectors @ tracks.T  # cosine distance, 0 to 2
    for row, track in zip(*linear_sum_assignment(distances), strict=True):
        mixed = 0.9 * tracks[track] + 0.1 * vectors[row]
        tracks[track] = mixed / np.linalg.norm(mixed)
        print(
            f"frame {frame}: person {detections[row][0]} is track {track}, distance {distances[row, track]:.2f}"
        )

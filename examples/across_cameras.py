"""One person over two cameras: ByteTrack of the package trackers links boxes, an exported model links tracks by looks.

python examples/across_cameras.py MODEL.onnx
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import supervision as sv
from scipy.optimize import linear_sum_assignment
from trackers import ByteTrackTracker, frames_from_source, load_mot_file

import reseen

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
reseen.draw_crowd_video(Path("videos"), people=4, cameras=2, seconds=8, progress=False)


def tracks_of(camera: str) -> tuple[np.ndarray, list[str]]:
    """One unit vector for every track, and how the person is drawn, which only the printed lines use."""
    boxes = load_mot_file(Path("videos", "ground-truth", f"{camera}.txt"))  # stands in for a detector
    tracker = ByteTrackTracker(frame_rate=10, minimum_consecutive_frames=1)
    sums, drawn = {}, {}
    for number, frame in frames_from_source(f"videos/{camera}.mp4"):
        seen = boxes.get(number)
        if seen is None:
            continue
        corners = np.hstack([seen.boxes[:, :2], seen.boxes[:, :2] + seen.boxes[:, 2:]]).astype(np.float32)
        found = sv.Detections(
            corners, confidence=np.ones(len(corners), np.float32), data={"person": seen.ids}
        )
        found = tracker.update(found)
        for box, track, person in zip(found.xyxy, found.tracker_id, found.data["person"], strict=True):
            crop = sv.crop_image(frame, box)[..., ::-1]  # the model takes RGB, of any size
            if track < 0 or min(crop.shape) < 3:
                continue
            vector = session.run(["vectors"], {"images": np.ascontiguousarray(crop)[None]})[0][0]
            sums[track] = sums.get(track, 0) + vector
            drawn[track] = f"person {person}"
    vectors = np.stack(list(sums.values()))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), list(drawn.values())


first, second = tracks_of("camera1"), tracks_of("camera2")
similarity = first[0] @ second[0].T
for one, other in zip(*linear_sum_assignment(-similarity), strict=True):
    print(f"camera1 {first[1][one]}, camera2 {second[1][other]}: similarity {similarity[one, other]:.2f}")

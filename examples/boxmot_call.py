"""An exported model, called as BoxMOT calls the model of its trackers: boxes of a frame, as a normalized batch.

Export it with --input tracker. BoxMOT itself is not needed, nor used: it is licensed under the AGPL.

python examples/boxmot_call.py MODEL.onnx
"""

import sys

import cv2
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
(taken,) = session.get_inputs()
_, _, height, width = taken.shape  # 256 x 128 in BoxMOT, unless the file's name says otherwise
mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def features(boxes: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Unit rows for boxes (left, top, right, bottom) of a frame as OpenCV reads it: uint8, BGR."""
    crops = [frame[top:bottom, left:right] for left, top, right, bottom in boxes.round().astype(int)]
    resized = [cv2.resize(crop, (width, height), interpolation=cv2.INTER_LINEAR) for crop in crops]
    batch = np.stack(resized)[..., ::-1].astype(np.float32) / 255
    batch = ((batch - mean) / deviation).transpose(0, 3, 1, 2)
    vectors = session.run(None, {taken.name: np.ascontiguousarray(batch)})[0]
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


frame = np.random.default_rng(0).integers(0, 256, (360, 640, 3), dtype=np.uint8)
boxes = np.array([[10.0, 20.0, 70.0, 200.0], [12.0, 22.0, 72.0, 202.0], [300.0, 100.0, 360.0, 290.0]])
vectors = features(boxes, frame)
print(vectors.shape, np.round(vectors @ vectors.T, 3).tolist())

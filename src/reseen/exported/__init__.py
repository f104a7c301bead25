"""Exported files: the formats ONNX, OpenVINO and torch, how they are written, and the runtimes that run them."""

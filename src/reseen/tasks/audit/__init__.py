"""Audit a run without labels: cluster quality, a calibrated threshold, and questions for an annotator."""

"""Evaluate a run, or precomputed features, on query and gallery, and write reports."""

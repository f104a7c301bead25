"""reseen learns to re-identify people from crops that nobody labelled."""

__version__ = "0.1.0"

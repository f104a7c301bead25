"""Memories kept between batches: centroids, camera proxies, lookup table, classifier, memory banks."""

from reseen.memory.camera_proxies import CameraProxies
from reseen.memory.centroids import CentroidMemory, CentroidSettings
from reseen.memory.classifier import Classifier
from reseen.memory.lookup_table import LookupTable
from reseen.memory.memory_bank import InstanceBank, MemoryBanks, PatchBank, fits_on_device

__all__ = [
    "CameraProxies",
    "CentroidMemory",
    "CentroidSettings",
    "Classifier",
    "InstanceBank",
    "LookupTable",
    "MemoryBanks",
    "PatchBank",
    "fits_on_device",
]

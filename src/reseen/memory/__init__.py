"""Memories kept between batches: centroids, camera proxies, lookup table, classifier, memory banks."""

from reseen.memory.camera_proxies import CameraProxies as CameraProxies
from reseen.memory.centroids import CentroidMemory as CentroidMemory
from reseen.memory.centroids import CentroidSettings as CentroidSettings
from reseen.memory.classifier import Classifier as Classifier
from reseen.memory.lookup_table import LookupTable as LookupTable
from reseen.memory.memory_bank import InstanceBank as InstanceBank
from reseen.memory.memory_bank import MemoryBanks as MemoryBanks
from reseen.memory.memory_bank import PatchBank as PatchBank
from reseen.memory.memory_bank import fits_on_device as fits_on_device

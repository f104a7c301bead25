"""What is remembered between batches."""

from reseen.memory.bank import InstanceBank as InstanceBank
from reseen.memory.banks import Banks as Banks
from reseen.memory.centroids import CentroidMemory as CentroidMemory
from reseen.memory.centroids import CentroidSettings as CentroidSettings
from reseen.memory.classifier import Classifier as Classifier
from reseen.memory.lookup import LookupTable as LookupTable
from reseen.memory.patch_bank import PatchBank as PatchBank
from reseen.memory.placement import fit_beside_steps as fit_beside_steps

"""Nearest-neighbor search for vectors that do not fit into memory: memory-mapped arrays, processed in blocks."""

from reseen.neighbors.out_of_core.mapped_search import EXACT_UP_TO, SearchSettings, nearest_mapped
from reseen.neighbors.out_of_core.scratch import Scratch, stage_key

__all__ = ["EXACT_UP_TO", "Scratch", "SearchSettings", "nearest_mapped", "stage_key"]

"""Who is near whom where vectors do not fit into memory: arrays on disk, mapped; blocks as large as memory allows."""

from reseen.neighbors.out_of_core.scratch import Scratch, key_of
from reseen.neighbors.out_of_core.search import EXACT_UP_TO, SearchSettings, nearest_mapped

__all__ = ["EXACT_UP_TO", "Scratch", "SearchSettings", "key_of", "nearest_mapped"]

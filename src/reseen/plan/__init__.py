"""What work will take on this machine, said before it starts: time, memory and disk, from a short rehearsal.

    sample crops -> the real stages at two or three small sizes -> growth of each stage -> the size that was asked for

Nothing here has numbers of its own about any machine.
"""

from reseen.plan.clustering import plan_clustering
from reseen.plan.embedding import plan_embedding
from reseen.plan.estimate import Estimate, PlanStage
from reseen.plan.indexing import plan_indexing
from reseen.plan.training import plan_training
from reseen.plan.vectors import plan_vector_clustering

__all__ = [
    "Estimate", "PlanStage", "plan_clustering", "plan_embedding", "plan_indexing", "plan_training",
    "plan_vector_clustering",
]  # fmt: skip

"""Estimates of time, memory and disk space for training, embedding, clustering and indexing on this machine.

    sample crops -> benchmark the real stages at two or three small sizes -> fit a cost model per stage -> extrapolate

All numbers are measured; nothing is assumed about the speed of a machine.
"""

from reseen.plan.clustering import plan_clustering, plan_vector_clustering
from reseen.plan.embedding import plan_embedding, plan_indexing
from reseen.plan.estimate import Estimate, PlanStage
from reseen.plan.job import plan_job
from reseen.plan.training import plan_training

__all__ = [
    "Estimate", "PlanStage", "plan_clustering", "plan_embedding", "plan_indexing", "plan_job",
    "plan_training",
    "plan_vector_clustering",
]  # fmt: skip

"""reseen learns to re-identify people from crops that nobody labelled.

import reseen

recipe = reseen.load_recipe("cluster-contrast")
run = reseen.train(recipe, data="Market-1501", out="runs/market")
score = reseen.score(run, data="Market-1501")
print(score.mean_average_precision)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from reseen.audit.calibration import Calibration
    from reseen.data.table import ImageTable
    from reseen.datasets import read_evaluation, read_training
    from reseen.errors import ReseenError
    from reseen.evaluate.labeled import LabeledFeatures
    from reseen.evaluate.metrics import RetrievalScore
    from reseen.export.export import Export, export_run
    from reseen.features.embed import embed
    from reseen.gallery.filter import Filter
    from reseen.gallery.forget import forget
    from reseen.gallery.gallery import Gallery, open_gallery
    from reseen.gallery.index import index_run
    from reseen.models import Encoder
    from reseen.plan import (
        Estimate,
        plan_clustering,
        plan_embedding,
        plan_indexing,
        plan_training,
        plan_vector_clustering,
    )
    from reseen.runs.recipe import Recipe, load_recipe, shipped_recipes
    from reseen.runs.run import Run, open_run
    from reseen.synthetic import draw_crowd, draw_crowd_video
    from reseen.tasks.audit.audit import Audit, audit_run
    from reseen.tasks.audit.select_run import choose_run, read_calibration
    from reseen.tasks.clustering.cluster import CropClusters, cluster_crops
    from reseen.tasks.clustering.cluster_vectors import VectorClusters, cluster_vectors
    from reseen.tasks.comparison.compare import Comparison, compare
    from reseen.tasks.demo import run_demo
    from reseen.tasks.evaluation.score import score
    from reseen.tasks.evaluation.score_features import score_features
    from reseen.training.train import train
    from reseen.video.crop import crop_videos
    from reseen.video.settings import crop_settings

_HOMES = {
    "Audit": "reseen.tasks.audit.audit",
    "Calibration": "reseen.audit.calibration",
    "Comparison": "reseen.tasks.comparison.compare",
    "CropClusters": "reseen.tasks.clustering.cluster",
    "Encoder": "reseen.models",
    "Estimate": "reseen.plan",
    "Export": "reseen.export.export",
    "ImageTable": "reseen.data.table",
    "Gallery": "reseen.gallery.gallery",
    "LabeledFeatures": "reseen.evaluate.labeled",
    "Recipe": "reseen.runs.recipe",
    "ReseenError": "reseen.errors",
    "RetrievalScore": "reseen.evaluate.metrics",
    "Run": "reseen.runs.run",
    "VectorClusters": "reseen.tasks.clustering.cluster_vectors",
    "Filter": "reseen.gallery.filter",
    "audit_run": "reseen.tasks.audit.audit",
    "choose_run": "reseen.tasks.audit.select_run",
    "cluster_crops": "reseen.tasks.clustering.cluster",
    "cluster_vectors": "reseen.tasks.clustering.cluster_vectors",
    "compare": "reseen.tasks.comparison.compare",
    "crop_settings": "reseen.video.settings",
    "crop_videos": "reseen.video.crop",
    "draw_crowd": "reseen.synthetic",
    "draw_crowd_video": "reseen.synthetic",
    "embed": "reseen.features.embed",
    "export_run": "reseen.export.export",
    "forget": "reseen.gallery.forget",
    "index_run": "reseen.gallery.index",
    "load_recipe": "reseen.runs.recipe",
    "open_gallery": "reseen.gallery.gallery",
    "open_run": "reseen.runs.run",
    "plan_clustering": "reseen.plan",
    "plan_embedding": "reseen.plan",
    "plan_indexing": "reseen.plan",
    "plan_training": "reseen.plan",
    "plan_vector_clustering": "reseen.plan",
    "read_calibration": "reseen.tasks.audit.select_run",
    "read_evaluation": "reseen.datasets",
    "read_training": "reseen.datasets",
    "run_demo": "reseen.tasks.demo",
    "score": "reseen.tasks.evaluation.score",
    "score_features": "reseen.tasks.evaluation.score_features",
    "shipped_recipes": "reseen.runs.recipe",
    "train": "reseen.training.train",
}

__all__ = [
    "Audit",
    "Calibration",
    "Comparison",
    "CropClusters",
    "Encoder",
    "Estimate",
    "Export",
    "Filter",
    "Gallery",
    "ImageTable",
    "LabeledFeatures",
    "Recipe",
    "ReseenError",
    "RetrievalScore",
    "Run",
    "VectorClusters",
    "__version__",
    "audit_run",
    "choose_run",
    "cluster_crops",
    "cluster_vectors",
    "compare",
    "crop_settings",
    "crop_videos",
    "draw_crowd",
    "draw_crowd_video",
    "embed",
    "export_run",
    "forget",
    "index_run",
    "load_recipe",
    "open_gallery",
    "open_run",
    "plan_clustering",
    "plan_embedding",
    "plan_indexing",
    "plan_training",
    "plan_vector_clustering",
    "read_calibration",
    "read_evaluation",
    "read_training",
    "run_demo",
    "score",
    "score_features",
    "shipped_recipes",
    "train",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: `import reseen` alone takes milliseconds, torch seconds."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'reseen' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])

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
    from reseen.data.readers import read_evaluation, read_training
    from reseen.data.table import ImageTable
    from reseen.data.toy import draw_crowd
    from reseen.engine.audit import Audit, audit_run
    from reseen.engine.choose import choose_run, read_calibration
    from reseen.engine.cluster import CropClusters, cluster_crops
    from reseen.engine.cluster_vectors import VectorClusters, cluster_vectors
    from reseen.engine.demo import run_demo
    from reseen.engine.embed import embed
    from reseen.engine.recipe import Recipe, load_recipe, shipped_recipes
    from reseen.engine.run import Run, open_run
    from reseen.engine.score import score
    from reseen.engine.score_features import score_features
    from reseen.engine.train import train
    from reseen.errors import ReseenError
    from reseen.evaluate.labeled import LabeledFeatures
    from reseen.evaluate.metrics import RetrievalScore
    from reseen.gallery.export.export import Export, export_run
    from reseen.gallery.forget import forget
    from reseen.gallery.gallery import Gallery, open_gallery
    from reseen.gallery.index import index_run
    from reseen.gallery.where import Where
    from reseen.models import Encoder
    from reseen.plan import (
        Estimate,
        plan_clustering,
        plan_embedding,
        plan_indexing,
        plan_training,
        plan_vector_clustering,
    )

_HOMES = {
    "Audit": "reseen.engine.audit",
    "Calibration": "reseen.audit.calibration",
    "CropClusters": "reseen.engine.cluster",
    "Encoder": "reseen.models",
    "Estimate": "reseen.plan",
    "Export": "reseen.gallery.export.export",
    "ImageTable": "reseen.data.table",
    "Gallery": "reseen.gallery.gallery",
    "LabeledFeatures": "reseen.evaluate.labeled",
    "Recipe": "reseen.engine.recipe",
    "ReseenError": "reseen.errors",
    "RetrievalScore": "reseen.evaluate.metrics",
    "Run": "reseen.engine.run",
    "VectorClusters": "reseen.engine.cluster_vectors",
    "Where": "reseen.gallery.where",
    "audit_run": "reseen.engine.audit",
    "choose_run": "reseen.engine.choose",
    "cluster_crops": "reseen.engine.cluster",
    "cluster_vectors": "reseen.engine.cluster_vectors",
    "draw_crowd": "reseen.data.toy",
    "embed": "reseen.engine.embed",
    "export_run": "reseen.gallery.export.export",
    "forget": "reseen.gallery.forget",
    "index_run": "reseen.gallery.index",
    "load_recipe": "reseen.engine.recipe",
    "open_gallery": "reseen.gallery.gallery",
    "open_run": "reseen.engine.run",
    "plan_clustering": "reseen.plan",
    "plan_embedding": "reseen.plan",
    "plan_indexing": "reseen.plan",
    "plan_training": "reseen.plan",
    "plan_vector_clustering": "reseen.plan",
    "read_calibration": "reseen.engine.choose",
    "read_evaluation": "reseen.data.readers",
    "read_training": "reseen.data.readers",
    "run_demo": "reseen.engine.demo",
    "score": "reseen.engine.score",
    "score_features": "reseen.engine.score_features",
    "shipped_recipes": "reseen.engine.recipe",
    "train": "reseen.engine.train",
}

__all__ = [
    "Audit", "Calibration", "CropClusters", "Encoder", "Estimate", "Export", "Gallery", "ImageTable", "LabeledFeatures",
    "Recipe", "ReseenError", "RetrievalScore", "Run", "VectorClusters", "Where", "__version__", "audit_run",
    "choose_run", "cluster_crops", "cluster_vectors", "draw_crowd", "embed", "export_run", "forget", "index_run",
    "load_recipe", "open_gallery", "open_run", "plan_clustering", "plan_embedding", "plan_indexing", "plan_training",
    "plan_vector_clustering", "read_calibration", "read_evaluation", "read_training", "run_demo", "score",
    "score_features", "shipped_recipes", "train",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: `import reseen` alone takes milliseconds, torch seconds."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'reseen' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])

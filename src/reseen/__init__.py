"""reseen trains person re-identification models without labels.

    import reseen

    run = reseen.train("cluster-contrast", "Market-1501", "runs/market")
    print(reseen.score(run, "Market-1501").mean_average_precision)
    embeddings = reseen.load(run).embed(["person.jpg", "other.jpg"])

The parts work in other programs too: `reseen.neighbors`, `reseen.cluster`, `reseen.memory`, `reseen.losses`,
`reseen.models` and `reseen.evaluate`.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING
from typing import Any as _Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from reseen import audit, cluster, errors, evaluate, losses, memory, models, neighbors
    from reseen.annotations.gallery_annotations import export_annotations, import_annotations
    from reseen.audit.calibration import Calibration
    from reseen.cluster.estimators import JaccardDBSCAN, SphereAgglomeration
    from reseen.data.table import ImageTable
    from reseen.datasets import read_evaluation, read_training
    from reseen.errors import (
        ClusteringError,
        DataError,
        ExportError,
        GalleryError,
        ImagesError,
        LostProcessError,
        ReseenError,
        RunError,
        SettingsError,
        StorageError,
        TrainingError,
        VideoError,
        WeightsError,
    )
    from reseen.evaluate.labeled import LabeledFeatures
    from reseen.evaluate.metrics import RetrievalScore
    from reseen.export.export import Export, export_run
    from reseen.export.hub import from_pretrained, push_to_hub
    from reseen.export.pretrained import PretrainedEncoder, load
    from reseen.features.embed import embed
    from reseen.gallery.filter import Filter
    from reseen.gallery.forget import forget
    from reseen.gallery.forget_crops import ForgetSettings, forget_crops
    from reseen.gallery.gallery import Gallery, open_gallery
    from reseen.gallery.index import index_run
    from reseen.gallery.people.camera_graph import CameraGraph
    from reseen.gallery.people.members import Person
    from reseen.gallery.people.people import People
    from reseen.gallery.people.update_people import AssignmentSettings, adopt_from, update_people
    from reseen.gallery.search_gallery import GallerySearchSettings, search_gallery
    from reseen.models import Encoder
    from reseen.plan import (
        Estimate,
        plan_clustering,
        plan_embedding,
        plan_indexing,
        plan_job,
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
    from reseen.tasks.evaluation.evaluate import Evaluation, EvaluationSettings, evaluate_run
    from reseen.tasks.evaluation.score import score
    from reseen.tasks.evaluation.score_features import score_features
    from reseen.training.train import train
    from reseen.video.crop import crop_videos
    from reseen.video.demo import run_video_demo
    from reseen.video.settings import crop_settings
    from reseen.video.watch import Watcher
    from reseen.video.watch_event import WatchEvent

_MODULES = ("audit", "cluster", "errors", "evaluate", "losses", "memory", "models", "neighbors")
"""Packages and modules that are public in themselves."""

_HOMES = {
    "AssignmentSettings": "reseen.gallery.people.update_people",
    "Audit": "reseen.tasks.audit.audit",
    "Calibration": "reseen.audit.calibration",
    "CameraGraph": "reseen.gallery.people.camera_graph",
    "ClusteringError": "reseen.errors",
    "Comparison": "reseen.tasks.comparison.compare",
    "CropClusters": "reseen.tasks.clustering.cluster",
    "DataError": "reseen.errors",
    "Encoder": "reseen.models",
    "Estimate": "reseen.plan",
    "Evaluation": "reseen.tasks.evaluation.evaluate",
    "EvaluationSettings": "reseen.tasks.evaluation.evaluate",
    "Export": "reseen.export.export",
    "ExportError": "reseen.errors",
    "Filter": "reseen.gallery.filter",
    "ForgetSettings": "reseen.gallery.forget_crops",
    "Gallery": "reseen.gallery.gallery",
    "GalleryError": "reseen.errors",
    "GallerySearchSettings": "reseen.gallery.search_gallery",
    "ImageTable": "reseen.data.table",
    "ImagesError": "reseen.errors",
    "JaccardDBSCAN": "reseen.cluster.estimators",
    "LabeledFeatures": "reseen.evaluate.labeled",
    "LostProcessError": "reseen.errors",
    "People": "reseen.gallery.people.people",
    "Person": "reseen.gallery.people.members",
    "PretrainedEncoder": "reseen.export.pretrained",
    "Recipe": "reseen.runs.recipe",
    "ReseenError": "reseen.errors",
    "RetrievalScore": "reseen.evaluate.metrics",
    "Run": "reseen.runs.run",
    "RunError": "reseen.errors",
    "SettingsError": "reseen.errors",
    "SphereAgglomeration": "reseen.cluster.estimators",
    "StorageError": "reseen.errors",
    "TrainingError": "reseen.errors",
    "WatchEvent": "reseen.video.watch_event",
    "VectorClusters": "reseen.tasks.clustering.cluster_vectors",
    "VideoError": "reseen.errors",
    "Watcher": "reseen.video.watch",
    "WeightsError": "reseen.errors",
    "adopt_from": "reseen.gallery.people.update_people",
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
    "evaluate_run": "reseen.tasks.evaluation.evaluate",
    "export_annotations": "reseen.annotations.gallery_annotations",
    "export_run": "reseen.export.export",
    "forget": "reseen.gallery.forget",
    "forget_crops": "reseen.gallery.forget_crops",
    "from_pretrained": "reseen.export.hub",
    "import_annotations": "reseen.annotations.gallery_annotations",
    "index_run": "reseen.gallery.index",
    "load": "reseen.export.pretrained",
    "load_recipe": "reseen.runs.recipe",
    "open_gallery": "reseen.gallery.gallery",
    "open_run": "reseen.runs.run",
    "plan_clustering": "reseen.plan",
    "plan_embedding": "reseen.plan",
    "plan_indexing": "reseen.plan",
    "plan_job": "reseen.plan",
    "plan_training": "reseen.plan",
    "plan_vector_clustering": "reseen.plan",
    "push_to_hub": "reseen.export.hub",
    "read_calibration": "reseen.tasks.audit.select_run",
    "read_evaluation": "reseen.datasets",
    "read_training": "reseen.datasets",
    "run_demo": "reseen.tasks.demo",
    "run_video_demo": "reseen.video.demo",
    "score": "reseen.tasks.evaluation.score",
    "score_features": "reseen.tasks.evaluation.score_features",
    "search_gallery": "reseen.gallery.search_gallery",
    "shipped_recipes": "reseen.runs.recipe",
    "train": "reseen.training.train",
    "update_people": "reseen.gallery.people.update_people",
}
"""Where each public name is defined."""

__all__ = [
    "AssignmentSettings",
    "Audit",
    "Calibration",
    "CameraGraph",
    "ClusteringError",
    "Comparison",
    "CropClusters",
    "DataError",
    "Encoder",
    "Estimate",
    "Evaluation",
    "EvaluationSettings",
    "Export",
    "ExportError",
    "Filter",
    "ForgetSettings",
    "Gallery",
    "GalleryError",
    "GallerySearchSettings",
    "ImageTable",
    "ImagesError",
    "JaccardDBSCAN",
    "LabeledFeatures",
    "LostProcessError",
    "People",
    "Person",
    "PretrainedEncoder",
    "Recipe",
    "ReseenError",
    "RetrievalScore",
    "Run",
    "RunError",
    "SettingsError",
    "SphereAgglomeration",
    "StorageError",
    "TrainingError",
    "VectorClusters",
    "VideoError",
    "WatchEvent",
    "Watcher",
    "WeightsError",
    "__version__",
    "adopt_from",
    "audit",
    "audit_run",
    "choose_run",
    "cluster",
    "cluster_crops",
    "cluster_vectors",
    "compare",
    "crop_settings",
    "crop_videos",
    "draw_crowd",
    "draw_crowd_video",
    "embed",
    "errors",
    "evaluate",
    "evaluate_run",
    "export_annotations",
    "export_run",
    "forget",
    "forget_crops",
    "from_pretrained",
    "import_annotations",
    "index_run",
    "load",
    "load_recipe",
    "losses",
    "memory",
    "models",
    "neighbors",
    "open_gallery",
    "open_run",
    "plan_clustering",
    "plan_embedding",
    "plan_indexing",
    "plan_job",
    "plan_training",
    "plan_vector_clustering",
    "push_to_hub",
    "read_calibration",
    "read_evaluation",
    "read_training",
    "run_demo",
    "run_video_demo",
    "score",
    "score_features",
    "search_gallery",
    "shipped_recipes",
    "train",
    "update_people",
]  # fmt: skip


def __getattr__(name: str) -> _Any:
    """Import a public name when it is first asked for: `import reseen` alone takes milliseconds, torch seconds."""
    if name in _HOMES:
        return getattr(_import_module(_HOMES[name]), name)
    if name in _MODULES:
        return _import_module(f"reseen.{name}")
    raise AttributeError(f"module 'reseen' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)

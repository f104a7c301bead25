"""Settings of the method `global-patch`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from reseen.cluster.clusterings import (
    AbstractClustering,
    AnyClustering,
    DbscanClustering,
    HierarchicalClustering,
)
from reseen.conditions import Above, Below, When
from reseen.config import Settings
from reseen.data.sampler import SamplerSettings
from reseen.losses import GlobalSimilaritySettings
from reseen.memory import CentroidSettings
from reseen.methods.base import CredibleRule, SampledMethodSettings
from reseen.methods.camera_contrast import CameraContrastSettings
from reseen.neighbors import CredibleSettings

Weight = Annotated[float, Field(ge=0)]
Momentum = Annotated[float, Field(ge=0, le=1)]

_CONTRAST = ("clusters.temperature", "clusters.memory", "clusters.camera_contrast")
"""Settings that only the contrast with centroids uses."""


class DiscriminationSettings(Settings):
    """The patch-based discriminative feature learning loss."""

    weight: Weight = 2.0
    """Weight of the loss; 0 disables it."""

    pull_to: Annotated[Literal["nearest", "credible"], When(weight=Above(0))] = "nearest"
    """Positives of a patch: the nearest rows of its memory, as published, or the same patch of the image's credible
    neighbors; if `branch` is `clusters`, those come from the image's cluster."""

    neighbors: Annotated[int, Field(ge=1), When(weight=Above(0))] = 10
    """k: number of nearest rows of the patch's memory used as positives."""

    scale: Annotated[float, Field(gt=0), When(weight=Above(0))] = 15.0
    """s: multiplies squared distances, 0 to 4; larger is harder."""

    momentum: Annotated[Momentum, When(weight=Above(0))] = 0.9
    """Momentum of a memory row's update, 0 to 1."""


class ImagePatchesSettings(Settings):
    """The image-level patch feature learning loss."""

    weight: Weight = 1.0
    """Weight of the loss; 0 disables it."""

    margin: Annotated[float, Field(ge=0), When(weight=Above(0))] = 2.0
    """Triplet margin: how much farther the negative center should be than the image's own center."""

    reach: Annotated[int, Field(ge=1), When(weight=Above(0))] = 15
    """r: number of nearest centers searched for a true negative."""

    nearest: Annotated[int, Field(ge=1), When(weight=Above(0))] = 3
    """A center is a true negative if the image's center is not among its own nearest centers; this is how many,
    counting itself."""

    dimension: Annotated[int, Field(ge=1), When(weight=Above(0))] = 128
    """Dimension that each patch is projected to."""

    learn_projection: Annotated[bool, When(weight=Above(0))] = False
    """Whether the projection is trained; false: it keeps its random initialization."""

    momentum: Annotated[Momentum, When(weight=Above(0))] = 0.9
    """Momentum of a center's update, 0 to 1."""

    surrogate: Annotated[bool, When(weight=Above(0))] = True
    """Use a second, augmented view of each crop, its surrogate positive; doubles the work of the trunk."""


class ClusterBranchSettings(Settings):
    """The global branch if `branch` is `clusters`: as in `cluster-contrast`."""

    clustering: AnyClustering = DbscanClustering()
    """The clustering."""

    memory: CentroidSettings = CentroidSettings()
    """The centroids."""

    temperature: Annotated[float, Field(gt=0)] = 0.05
    """Divides similarities before the softmax."""

    camera_contrast: CameraContrastSettings = CameraContrastSettings()
    """Camera-aware extensions of the contrast."""


class GlobalPatchSettings(SampledMethodSettings):
    """Settings of `global-patch`; where the paper leaves a choice open, the default is the most likely one."""

    name: Literal["global-patch"] = "global-patch"

    branch: Literal["bank", "clusters"] = "bank"
    """The global branch: one memory row per image and credible neighbors, or one centroid per cluster."""

    global_weight: Weight = 1.0
    """Weight of the global branch; 0 for patches alone."""

    global_views: Annotated[Literal["first", "all"], When(global_weight=Above(0))] = "first"
    """Which of two views the global branch is trained on."""

    loss: Annotated[GlobalSimilaritySettings, When(branch="bank", global_weight=Above(0))] = (
        GlobalSimilaritySettings()
    )
    """Loss of an image and its credible neighbors, if `branch` is `bank`."""

    credible: CredibleSettings = CredibleSettings()
    """Which neighbors are credible; they are found at the beginning of each round."""

    credible_clustering: Annotated[AnyClustering, When({"credible.source": "clusters"}, branch="bank")] = (
        HierarchicalClustering()
    )
    """The clustering whose members are credible neighbors, if `credible.source` is `clusters`."""

    warmup: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Fraction of the training during which only the image itself is a positive, 0 to 1."""

    momentum: Annotated[Momentum, When(branch="bank")] = 0.5
    """Momentum of a bank row's update at the end of the training, 0 to 1."""

    ramp: Annotated[bool, When(branch="bank", momentum=Above(0))] = True
    """Whether the momentum rises linearly from 0 over the training; false: it is constant."""

    refill: bool = False
    """Whether memory banks are reset to the features of every round; false: they are filled in the first only."""

    center_cameras: bool = True
    """Subtract the mean feature of its camera from each feature before neighbors and clusters are found; no effect if
    cameras are unknown or disabled."""

    discrimination: DiscriminationSettings = DiscriminationSettings()
    """The loss of patches against the memory of the same patch."""

    image_patches: ImagePatchesSettings = ImagePatchesSettings()
    """The loss of all patches of an image together."""

    clusters: ClusterBranchSettings = ClusterBranchSettings()
    """The global branch, if `branch` is `clusters`."""

    sampler: SamplerSettings = SamplerSettings(clusters_per_batch=64, images_per_cluster=1)
    """The batches. With `branch` `bank`: shuffled images, each once before any repeats."""

    def second_view(self) -> Mapping[str, Any]:
        """The surrogate positive."""
        return {"image_patches.weight": Above(0), "image_patches.surrogate": True}

    @property
    def neighbors_from_clusters(self) -> bool:
        """Whether an image's credible neighbors are the members of its cluster."""
        return self.branch == "bank" and self.credible.source == "clusters"

    @property
    def credible_rule(self) -> CredibleRule | None:
        """The rule of the `bank` branch."""
        if self.branch != "bank":
            return None
        clustering = self.credible_clustering if self.neighbors_from_clusters else None
        return CredibleRule(self.credible, clustering, self.center_cameras)

    @property
    def round_clustering(self) -> AbstractClustering | None:
        """`credible_clustering` if it is used, else `clusters.clustering`."""
        return self.credible_clustering if self.neighbors_from_clusters else self.clusters.clustering

    def for_size(self, crops: int) -> Self:
        """With the clusterings' settings for this number of crops."""
        branch = self.clusters.model_copy(update={"clustering": self.clusters.clustering.for_size(crops)})
        credible = self.credible_clustering.for_size(crops)
        return self.model_copy(update={"clusters": branch, "credible_clustering": credible})

    def recipe_conditions(self) -> Mapping[str, When]:
        """Settings of cameras have an effect only if cameras are enabled."""
        return {
            **super().recipe_conditions(),
            **self.clusters.camera_contrast.recipe_conditions("method.clusters.camera_contrast"),
            **self.clusters.clustering.recipe_conditions("method.clusters.clustering"),
            **self.credible_clustering.recipe_conditions("method.credible_clustering"),
            "method.center_cameras": When(cameras=True),
        }

    @property
    def learns_from_neighbors(self) -> bool:
        """Whether a loss uses credible neighbors."""
        patches = self.discrimination
        return (self.branch == "bank" and self.global_weight > 0) or (
            patches.weight > 0 and patches.pull_to == "credible"
        )

    def conditions(self) -> Mapping[str, When]:
        """Conditions of the settings that both branches share: neighbors, clusters and memory banks."""
        conditions = {"global_views": When(self.second_view())}
        if self.branch == "clusters":
            conditions |= {"credible.threshold": When(branch="bank"), "credible.mutual": When(branch="bank")}
            if self.credible.source == "clusters":
                conditions["credible.source"] = When(branch="bank")
            if not self.discrimination.weight and not self.image_patches.weight:
                conditions["refill"] = When(branch="bank")
            conditions |= dict.fromkeys(_CONTRAST, When(global_weight=Above(0)))
        else:
            conditions |= dict.fromkeys(_CONTRAST, When(branch="clusters"))
            if self.credible.source == "clusters":
                conditions["clusters.clustering"] = When({"credible.source": ("neighbors", "shared")})
            if not self.global_weight and self.refill:
                conditions |= {"momentum": When(global_weight=Above(0)), "ramp": When(global_weight=Above(0))}
        if not self.learns_from_neighbors:
            path = "discrimination.pull_to" if self.discrimination.weight else "discrimination.weight"
            required = When({path: "credible" if self.discrimination.weight else Above(0)})
            conditions |= {"credible": required, "credible_clustering": required, "warmup": required}
        elif self.warmup == 1:
            has_neighbors = When(warmup=Below(1))
            conditions |= {
                f"loss.{name}": has_neighbors for name in ("weights", "neighbor_weight", "self_share")
            }
        if self.discrimination.pull_to == "credible" and not self.warmup:
            conditions["discrimination.neighbors"] = When({"discrimination.pull_to": "nearest"})
        return conditions

    @property
    def uses_credible_neighbors(self) -> bool:
        """Whether credible neighbors are found: for the bank, or for patches if `branch` is `clusters`."""
        patches = self.discrimination
        return self.branch == "bank" or (patches.weight > 0 and patches.pull_to == "credible")

    def fewest_crops(self) -> Mapping[str, int]:
        """More crops than neighbors; the patch loss also needs a negative."""
        fewest = {}
        if self.uses_credible_neighbors:
            fewest["credible.count"] = self.credible.count + 1
        if self.discrimination.weight:
            fewest["discrimination.neighbors"] = self.discrimination.neighbors + 2
        return fewest

    @model_validator(mode="after")
    def _fits_together(self) -> "GlobalPatchSettings":
        if not (self.global_weight or self.discrimination.weight or self.image_patches.weight):
            raise ValueError(
                "nothing is learned with global_weight, discrimination.weight, image_patches.weight all 0"
            )
        if self.branch == "bank" and self.sampler.images_per_cluster != 1:
            raise ValueError(
                "a bank has one image per row; take sampler.images_per_cluster 1, or branch clusters"
            )
        return self

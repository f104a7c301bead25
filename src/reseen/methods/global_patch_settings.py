"""Settings of learning from whole images and patches together."""

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
"""What only the contrast with centroids has a use for."""


class DiscriminationSettings(Settings):
    """The patch-based discriminative feature learning loss."""

    weight: Weight = 2.0
    """Its weight; 0 for none."""

    pull_to: Annotated[Literal["nearest", "credible"], When(weight=Above(0))] = "nearest"
    """What a patch is pulled to: the nearest rows of its memory, as published, or the same patch of the credible
    neighbors of the image, which stand in its cluster where the global branch is clusters."""

    neighbors: Annotated[int, Field(ge=1), When(weight=Above(0))] = 10
    """k: nearest rows of the patch's memory that it is pulled to."""

    scale: Annotated[float, Field(gt=0), When(weight=Above(0))] = 15.0
    """s: multiplies squared distances, 0 to 4; larger is harder."""

    momentum: Annotated[Momentum, When(weight=Above(0))] = 0.9
    """Share of an old memory row that stays with each update."""


class ImagePatchesSettings(Settings):
    """The image-level patch feature learning loss."""

    weight: Weight = 1.0
    """Its weight; 0 for none."""

    margin: Annotated[float, Field(ge=0), When(weight=Above(0))] = 2.0
    """By how much the negative center should be farther than the own."""

    reach: Annotated[int, Field(ge=1), When(weight=Above(0))] = 15
    """r: nearest centers that are walked through for a true negative."""

    nearest: Annotated[int, Field(ge=1), When(weight=Above(0))] = 3
    """A true negative does not have the image's center among so many of its nearest, itself counted."""

    dimension: Annotated[int, Field(ge=1), When(weight=Above(0))] = 128
    """Numbers that each patch is projected to."""

    learn_projection: Annotated[bool, When(weight=Above(0))] = False
    """Whether the projection learns; false: it stays as it was drawn."""

    momentum: Annotated[Momentum, When(weight=Above(0))] = 0.9
    """Share of an old center that stays with each update."""

    surrogate: Annotated[bool, When(weight=Above(0))] = True
    """A second, augmented view of each crop, its surrogate positive; doubles the work of the trunk."""


class ClusterBranchSettings(Settings):
    """The global branch where it is `clusters`: as in `cluster-contrast`."""

    clustering: AnyClustering = DbscanClustering()
    """The clustering."""

    memory: CentroidSettings = CentroidSettings()
    """The centroids."""

    temperature: Annotated[float, Field(gt=0)] = 0.05
    """Divides similarities before the softmax."""

    camera_contrast: CameraContrastSettings = CameraContrastSettings()
    """What cameras add to the contrast."""


class GlobalPatchSettings(SampledMethodSettings):
    """Every open choice of the reconstruction, with the default we hold most likely."""

    name: Literal["global-patch"] = "global-patch"

    branch: Literal["bank", "clusters"] = "bank"
    """The global branch: one memory row per image and credible neighbors, or one centroid per cluster."""

    global_weight: Weight = 1.0
    """Weight of the global branch; 0 for patches alone."""

    global_views: Annotated[Literal["first", "all"], When(global_weight=Above(0))] = "first"
    """Which views the global branch learns from, where there are two."""

    loss: Annotated[GlobalSimilaritySettings, When(branch="bank", global_weight=Above(0))] = (
        GlobalSimilaritySettings()
    )
    """How an image is pulled to its credible neighbors, where the branch is `bank`."""

    credible: CredibleSettings = CredibleSettings()
    """Which neighbors are credible, looked up at the beginning of each round."""

    credible_clustering: Annotated[AnyClustering, When({"credible.source": "clusters"}, branch="bank")] = (
        HierarchicalClustering()
    )
    """The clustering whose clusters are credible neighbors, where `credible.source` is `clusters`."""

    warmup: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the training in which only the image itself is credible."""

    momentum: Annotated[Momentum, When(branch="bank")] = 0.5
    """Share of an old row of the bank that stays with each update, at the end of the training."""

    ramp: Annotated[bool, When(branch="bank", momentum=Above(0))] = True
    """Whether that share rises from 0 over the training, or is the same throughout."""

    refill: bool = False
    """Whether all memories start again from the features of every round, or live on from the first."""

    center_cameras: bool = True
    """Look for neighbors and clusters in what is left of each feature without the mean feature of its camera; nothing
    changes where cameras are unknown or switched off."""

    discrimination: DiscriminationSettings = DiscriminationSettings()
    """Patches against the memory of the same patch."""

    image_patches: ImagePatchesSettings = ImagePatchesSettings()
    """All patches of an image together."""

    clusters: ClusterBranchSettings = ClusterBranchSettings()
    """The global branch, where it is `clusters`."""

    sampler: SamplerSettings = SamplerSettings(clusters_per_batch=64, images_per_cluster=1)
    """The batches: with one image per cluster of the `bank`'s, shuffled images, each once before any comes again."""

    def second_view(self) -> Mapping[str, Any]:
        """The surrogate positive."""
        return {"image_patches.weight": Above(0), "image_patches.surrogate": True}

    @property
    def credits_clusters(self) -> bool:
        """Whether credible neighbors are those of a cluster."""
        return self.branch == "bank" and self.credible.source == "clusters"

    @property
    def credible_rule(self) -> CredibleRule | None:
        """That of the `bank`."""
        if self.branch != "bank":
            return None
        clustering = self.credible_clustering if self.credits_clusters else None
        return CredibleRule(self.credible, clustering, self.center_cameras)

    @property
    def round_clustering(self) -> AbstractClustering | None:
        """`credible_clustering` where it is used, else `clusters.clustering`."""
        return self.credible_clustering if self.credits_clusters else self.clusters.clustering

    def for_size(self, crops: int) -> Self:
        """With the clusterings for so many crops."""
        branch = self.clusters.model_copy(update={"clustering": self.clusters.clustering.for_size(crops)})
        credible = self.credible_clustering.for_size(crops)
        return self.model_copy(update={"clusters": branch, "credible_clustering": credible})

    def recipe_conditions(self) -> Mapping[str, When]:
        """Cameras can be centered and contrasted where they are used."""
        return {
            **super().recipe_conditions(),
            **self.clusters.camera_contrast.recipe_conditions("method.clusters.camera_contrast"),
            **self.clusters.clustering.recipe_conditions("method.clusters.clustering"),
            **self.credible_clustering.recipe_conditions("method.credible_clustering"),
            "method.center_cameras": When(cameras=True),
        }

    @property
    def learns_from_neighbors(self) -> bool:
        """Whether a loss looks at credible neighbors."""
        patches = self.discrimination
        return (self.branch == "bank" and self.global_weight > 0) or (
            patches.weight > 0 and patches.pull_to == "credible"
        )

    def conditions(self) -> Mapping[str, When]:
        """Of what both branches share: neighbors, clusters and memories."""
        found = {"global_views": When(self.second_view())}
        if self.branch == "clusters":
            found |= {"credible.threshold": When(branch="bank"), "credible.mutual": When(branch="bank")}
            if self.credible.source == "clusters":
                found["credible.source"] = When(branch="bank")
            if not self.discrimination.weight and not self.image_patches.weight:
                found["refill"] = When(branch="bank")
            found |= dict.fromkeys(_CONTRAST, When(global_weight=Above(0)))
        else:
            found |= dict.fromkeys(_CONTRAST, When(branch="clusters"))
            if self.credible.source == "clusters":
                found["clusters.clustering"] = When({"credible.source": ("neighbors", "shared")})
            if not self.global_weight and self.refill:
                found |= {"momentum": When(global_weight=Above(0)), "ramp": When(global_weight=Above(0))}
        if not self.learns_from_neighbors:
            path = "discrimination.pull_to" if self.discrimination.weight else "discrimination.weight"
            wanted = When({path: "credible" if self.discrimination.weight else Above(0)})
            found |= {"credible": wanted, "credible_clustering": wanted, "warmup": wanted}
        elif self.warmup == 1:
            alone = When(warmup=Below(1))
            found |= {f"loss.{name}": alone for name in ("weights", "neighbor_weight", "self_share")}
        if self.discrimination.pull_to == "credible" and not self.warmup:
            found["discrimination.neighbors"] = When({"discrimination.pull_to": "nearest"})
        return found

    @property
    def believes(self) -> bool:
        """Whether credible neighbors are looked up: by the bank, or for patches beside clusters."""
        patches = self.discrimination
        return self.branch == "bank" or (patches.weight > 0 and patches.pull_to == "credible")

    def fewest_crops(self) -> Mapping[str, int]:
        """More than there are neighbors; patches also need one that they are pushed from."""
        fewest = {}
        if self.believes:
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

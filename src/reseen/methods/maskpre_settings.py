"""Settings of the method `maskpre`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from reseen.conditions import Above, When
from reseen.data.sampler import SamplerSettings
from reseen.methods.cluster_contrast import ContrastSettings
from reseen.models.ema import TeacherSettings
from reseen.models.masking import MaskSettings

Weight = Annotated[float, Field(ge=0)]


class MaskPreSettings(ContrastSettings):
    """Settings of `maskpre`; where the paper leaves a choice open, the default is the most likely one."""

    name: Literal["maskpre"] = "maskpre"

    cluster_with: Literal["student", "teacher"] = "student"
    """The network whose features are clustered."""

    score_with: Literal["teacher", "student"] = "teacher"
    """The network used for evaluation, embedding and search after training."""

    masked_views: Literal[1, 2] = 2
    """Views of each feature map; 1: the unmasked map, as a baseline."""

    augmentations: Literal[1, 2] = 1
    """Augmented views of each crop: one for both masks, or one for each, which doubles the work."""

    mask: Annotated[MaskSettings, When(masked_views=2)] = MaskSettings()
    """The masks of the views."""

    teacher: TeacherSettings = TeacherSettings()
    """The momentum teacher, an exponential moving average of the student."""

    teacher_mask: Annotated[
        Literal["same", "none"], When({"mask.share": Above(0)}, temporal_weight=Above(0), masked_views=2)
    ] = "same"
    """Whether the teacher gets the student's masks, or unmasked maps."""

    visual_weight: Annotated[Weight, When(masked_views=2)] = 1.0
    """Weight of the consistency of the two views."""

    temporal_weight: Weight = 1.0
    """Weight of the consistency with the teacher."""

    region_weight: Annotated[Weight, When({"mask.share": Above(0)})] = 0.0
    """Weight of the prediction of masked cells from the visible ones, by a convolutional head."""

    region_target: Annotated[
        Literal["teacher", "student"], When({"mask.share": Above(0)}, region_weight=Above(0))
    ] = "teacher"
    """The network whose unmasked map has the cells to predict."""

    predictor_hidden: Annotated[int, Field(ge=0)] = 512
    """Hidden dimension of the prediction head; 0: no head, as a baseline."""

    predictor_start: Annotated[Literal["random", "identity"], When(predictor_hidden=Above(0))] = "random"
    """`identity`: a residual head initialized as the identity. A randomly initialized head pulls features in random
    directions for the first few hundred steps."""

    stop_gradient: Annotated[bool, When(visual_weight=Above(0), masked_views=2)] = True
    """Whether no gradient flows into the targets of the visual consistency; false lets features collapse."""

    sampler: SamplerSettings = SamplerSettings(images_per_cluster=4)
    """The batches."""

    classes: Literal["centroids", "classifier"] = "centroids"
    """Class weights of the cluster loss: centroids with momentum updates, or a trained classifier that is initialized
    with the clusters' mean directions in each round."""

    classifier_rate: Annotated[float, Field(gt=0), When(classes="classifier")] = 3.5e-4
    """Learning rate of the classifier (Adam, reset in each round)."""

    triplet_weight: Weight = 0.0
    """Weight of an additional soft-margin batch-hard triplet loss."""

    def second_view(self) -> Mapping[str, Any]:
        """A second augmentation, one for each mask."""
        return {"augmentations": 2}

    @property
    def masks(self) -> MaskSettings | None:
        """The `mask`."""
        return self.mask

    @property
    def uses_teacher_maps(self) -> bool:
        """Whether losses compare with the teacher, by its vectors or by the cells of its map."""
        is_region_target = self.region_weight > 0 and self.region_target == "teacher"
        return self.temporal_weight > 0 or (is_region_target and self.mask.share > 0)

    @property
    def predicts(self) -> bool:
        """Whether the prediction head is used, for the other view or for the teacher."""
        return self.temporal_weight > 0 or (self.visual_weight > 0 and self.masked_views == 2)

    def conditions(self) -> Mapping[str, When]:
        """Conditions of the centroids, the prediction head and the teacher."""
        of_centroids = When(classes="centroids")
        conditions = {**super().conditions(), "memory": of_centroids, "implicit_extension": of_centroids}
        if not self.predicts:
            weight = "visual_weight" if self.masked_views == 2 else "temporal_weight"
            is_predicted = When({weight: Above(0)})
            conditions |= {"predictor_hidden": is_predicted, "predictor_start": is_predicted}
        if self.cluster_with == "student" and not self.uses_teacher_maps:
            conditions["teacher"] = When(score_with="teacher")
        return conditions

    @model_validator(mode="after")
    def _fits_together(self) -> "MaskPreSettings":
        if self.masked_views == 1 and (self.augmentations == 2 or self.region_weight):
            raise ValueError("augmentations 2 and region_weight need two views; set masked_views to 2")
        if self.mask.place == "frozen" and self.augmentations == 2:
            raise ValueError("mask.place 'frozen' requires augmentations 1; or use mask.place 'map'")
        if self.mask.place == "frozen" and self.region_weight and self.region_target == "student":
            raise ValueError(
                "mask.place 'frozen' gives no unmasked map of the student; use region_target teacher, or mask.place "
                "'map'"
            )
        if self.mask.place == "frozen" and self.mask.kind == "dropout":
            raise ValueError(
                "mask.place 'frozen' masks whole cells; use mask.kind block or strip, not dropout"
            )
        if self.mask.kind == "dropout" and self.region_weight:
            raise ValueError(
                "dropout masks no whole cells to reconstruct; use another mask.kind, or region_weight 0"
            )
        return self

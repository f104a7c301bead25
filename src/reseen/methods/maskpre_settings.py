"""Settings of simultaneous clustering and mask prediction."""

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
    """Every open choice of the reconstruction, with the default we hold most likely."""

    name: Literal["maskpre"] = "maskpre"

    cluster_with: Literal["student", "teacher"] = "student"
    """Whose features are clustered."""

    score_with: Literal["teacher", "student"] = "teacher"
    """Who is scored, embeds and searches after training."""

    masked_views: Literal[1, 2] = 2
    """Views of each map; 1: the whole map, without masks, to compare."""

    augmentations: Literal[1, 2] = 1
    """Augmented views of each crop: one for both masks, or one for each, which doubles the work."""

    mask: Annotated[MaskSettings, When(masked_views=2)] = MaskSettings()
    """What a view does not see."""

    teacher: TeacherSettings = TeacherSettings()
    """The moving average."""

    teacher_mask: Annotated[
        Literal["same", "none"], When({"mask.share": Above(0)}, temporal_weight=Above(0), masked_views=2)
    ] = "same"
    """Whether the teacher sees the views as the student does, or whole maps."""

    visual_weight: Annotated[Weight, When(masked_views=2)] = 1.0
    """Weight of the consistency of the two views."""

    temporal_weight: Weight = 1.0
    """Weight of the consistency with the teacher."""

    region_weight: Annotated[Weight, When({"mask.share": Above(0)})] = 0.0
    """Weight of predicting the masked cells themselves, by a convolution from those that are left."""

    predictor_hidden: Annotated[int, Field(ge=0)] = 512
    """Width of the prediction head; 0 for none, to compare."""

    predictor_start: Annotated[Literal["random", "identity"], When(predictor_hidden=Above(0))] = "random"
    """`identity` adds what the head makes to its input, and starts at adding nothing; a random head sends the first
    hundreds of steps towards random directions."""

    stop_gradient: Annotated[bool, When(visual_weight=Above(0), masked_views=2)] = True
    """Whether targets of the visual consistency hold still; false, to compare, lets features collapse."""

    sampler: SamplerSettings = SamplerSettings(images_per_cluster=4)
    """The batches."""

    classes: Literal["centroids", "classifier"] = "centroids"
    """What crops are told apart by: centroids that follow the batches, or the weights of a classifier that learns
    and starts each round at the clusters' mean directions."""

    classifier_rate: Annotated[float, Field(gt=0), When(classes="classifier")] = 3.5e-4
    """Learning rate of the classifier (Adam, begun anew each round)."""

    triplet_weight: Weight = 0.0
    """Weight of a soft batch-hard triplet loss beside the contrast."""

    def second_view(self) -> Mapping[str, Any]:
        """One for each mask."""
        return {"augmentations": 2}

    @property
    def masks(self) -> MaskSettings | None:
        """The `mask`."""
        return self.mask

    @property
    def predicts(self) -> bool:
        """Whether anything is predicted: the other view, or the teacher."""
        return self.temporal_weight > 0 or (self.visual_weight > 0 and self.masked_views == 2)

    def conditions(self) -> Mapping[str, When]:
        """Of the centroids, the prediction head and the teacher."""
        found = {**super().conditions(), "memory": When(classes="centroids")}
        if not self.predicts:
            weight = "visual_weight" if self.masked_views == 2 else "temporal_weight"
            guessing = When({weight: Above(0)})
            found |= {"predictor_hidden": guessing, "predictor_start": guessing}
        if self.cluster_with == "student" and not self.temporal_weight:
            found["teacher"] = When(score_with="teacher")
        return found

    @model_validator(mode="after")
    def _fits_together(self) -> "MaskPreSettings":
        if self.masked_views == 1 and (self.augmentations == 2 or self.region_weight):
            raise ValueError("two augmentations and the masked cells need two views; take masked_views 2")
        if self.mask.place == "frozen" and (self.augmentations == 2 or self.region_weight):
            raise ValueError(
                "masks of frozen stages go with one augmentation and without region_weight; take mask.place 'map'"
            )
        if self.mask.place == "frozen" and self.mask.kind == "dropout":
            raise ValueError("masks of frozen stages hide places, not numbers; take mask.kind block or strip")
        if self.mask.kind == "dropout" and self.region_weight:
            raise ValueError("dropout hides no cells that could be predicted; take another mask.kind")
        return self

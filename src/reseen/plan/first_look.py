"""What embedding and indexing begin with: decode crops, and look at them with the encoder."""

from dataclasses import dataclass
from pathlib import Path

from reseen.data.table import ImageTable
from reseen.engine.console import Progress
from reseen.engine.recipe import Recipe
from reseen.engine.run import Run
from reseen.plan.estimate import Stage
from reseen.plan.model import planned_model
from reseen.plan.rehearsal import SAMPLE, decoding, decoding_stage, looking, looking_stage
from reseen.plan.sample import sample_table


@dataclass(frozen=True)
class FirstLook:
    """The sample, the width of its vectors, and the two stages at the size that was asked for."""

    table: ImageTable
    dimension: int
    stages: tuple[Stage, ...]


def first_look(
    source: Run | Recipe,
    images: int,
    data: str | Path | ImageTable | None,
    folder: Path,
    progress: Progress,
) -> FirstLook:
    """Rehearse both stages in `folder`. Vectors are written part by part and never held all at once.

    Raises:
        DataError: `data` cannot be read.
        SettingsError: the recipe asks for a device that is not there.
    """
    model = planned_model(source, folder / "cache")
    encoder = model.encoder
    table = sample_table(folder, data, min(SAMPLE, images))
    crops, decoded = decoding(table, model.data, encoder.height, encoder.width)
    progress(1)
    looked = looking("embedding", encoder, crops, model.device)
    progress(1)
    stages = (
        decoding_stage(decoded, model.data, crops, images),
        looking_stage(looked, 0, images),
    )
    return FirstLook(table, encoder.dimension, stages)

"""Save the weights of a backbone, from a run or a file, with the name of its timm model."""

from dataclasses import dataclass
from pathlib import Path

from reseen.errors import SettingsError
from reseen.models.backbone import load_trunk
from reseen.models.weights import save_backbone_weights
from reseen.runs.run import Run, open_run


@dataclass(frozen=True)
class SavedWeights:
    """A file of backbone weights."""

    file: Path
    backbone: str
    """The timm model."""
    tensors: int
    """Number of tensors in the file."""


def save_weights(source: Run | str | Path, out: str | Path, backbone: str | None = None) -> SavedWeights:
    """Save the weights of a backbone to a safetensors file that names its timm model.

    Args:
        source: a run, its folder, or a downloaded or converted safetensors file.
        out: the .safetensors file to write.
        backbone: for a file, its timm model; a run records its own.

    Raises:
        SettingsError: `out` has another suffix, or `backbone` is missing for a file or differs from the run's.
        RunError: `source` is a folder, but not a run.
        WeightsError: the file is missing, is not safetensors, or does not match the model.
        StorageError: `out` cannot be written.

    Example:
        >>> save_weights("runs/market", "market.safetensors").backbone
        'resnet50'
    """
    file = Path(out).expanduser()
    if file.suffix != ".safetensors":
        raise SettingsError(f"--out {out}: the file name must end in .safetensors")
    if isinstance(source, Run) or Path(source).expanduser().is_dir():
        run = source if isinstance(source, Run) else open_run(source)
        name = run.recipe.model.backbone
        if backbone not in (None, name):
            raise SettingsError(
                f"--backbone {backbone}: the run in {run.folder} has {name}; leave the flag out"
            )
        trunk = run.encoder().trunk
    elif backbone is None:
        raise SettingsError(f"--backbone is required: the timm model in {source}, such as resnet50.tv_in1k")
    else:
        name, trunk = backbone, load_trunk(backbone, Path(source).expanduser())
    return SavedWeights(file, name, save_backbone_weights(trunk, file, name))

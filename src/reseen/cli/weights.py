"""`reseen weights`."""

from pathlib import Path


def weights(source: Path, *, out: Path, backbone: str | None = None) -> None:
    """Save the weights of a backbone to a safetensors file that names its timm model.

    Use the file with --model.weights, which checks the name: tensor shapes alone may also fit a network with other
    padding or normalization.

    Parameters
    ----------
    source
        A run folder, or a downloaded or converted safetensors file.
    out
        The .safetensors file to write.
    backbone
        For a file: its timm model, with the tag where that determines mean and standard deviation. A run records its
        own.
    """
    from reseen.errors import SettingsError
    from reseen.models.backbone import load_trunk
    from reseen.models.weights import save_backbone_weights
    from reseen.runs.run import open_run

    if out.suffix != ".safetensors":
        raise SettingsError(f"--out {out}: the file name must end in .safetensors")
    if source.expanduser().is_dir():
        run = open_run(source)
        name = run.recipe.model.backbone
        if backbone not in (None, name):
            raise SettingsError(f"--backbone {backbone}: the run in {source} has {name}; leave the flag out")
        trunk = run.encoder().trunk
    elif backbone is None:
        raise SettingsError(f"--backbone is required: the timm model in {source}, such as resnet50.tv_in1k")
    else:
        name, trunk = backbone, load_trunk(backbone, source.expanduser())
    count = save_backbone_weights(trunk, out.expanduser(), name)
    print(f"{out}: {count} tensors of {name}; use it with --model.backbone {name} --model.weights {out}")

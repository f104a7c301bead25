"""`reseen weights`."""

from pathlib import Path


def weights(source: Path, *, out: Path, backbone: str | None = None) -> None:
    """Write the weights of a backbone to a safetensors file that names its timm model.

    Such a file is a start for --model.weights, which compares the name: tensors of one network may fit another that
    pads or normalizes otherwise.

    Parameters
    ----------
    source
        A run folder, or a safetensors file that was downloaded or converted.
    out
        The file to write, ending in .safetensors.
    backbone
        The timm model that a file holds, with its tag where that decides mean and deviation; a run knows its own.
    """
    from reseen.errors import SettingsError
    from reseen.models.backbone import load_trunk
    from reseen.models.weights import save_backbone_weights
    from reseen.runs.run import open_run

    if out.suffix != ".safetensors":
        raise SettingsError(f"--out {out}: the name of the file ends in .safetensors")
    if source.expanduser().is_dir():
        run = open_run(source)
        name = run.recipe.model.backbone
        if backbone not in (None, name):
            raise SettingsError(f"--backbone {backbone}: the run in {source} has {name}; leave the flag out")
        trunk = run.encoder().trunk
    elif backbone is None:
        raise SettingsError(f"--backbone: say which timm model {source} holds, such as resnet50.tv_in1k")
    else:
        name, trunk = backbone, load_trunk(backbone, source.expanduser())
    count = save_backbone_weights(trunk, out.expanduser(), name)
    print(
        f"{out}: {count} tensors of {name}; start from it with --model.backbone {name} --model.weights {out}"
    )

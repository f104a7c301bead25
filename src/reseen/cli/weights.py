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
    from reseen.tasks.weights import save_weights

    saved = save_weights(source, out, backbone)
    print(
        f"{out}: {saved.tensors} tensors of {saved.backbone}; use it with --model.backbone {saved.backbone} "
        f"--model.weights {out}"
    )

"""`reseen export`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def export(
    run: Path,
    *,
    out: Path,
    format: Literal["onnx", "openvino", "torch"] | None = None,
    input: Literal["pixels", "floats", "tracker"] = "pixels",
    layout: Literal["nhwc", "nchw"] | None = None,
    channels: Literal["rgb", "bgr"] = "rgb",
    part: Literal["both", "global", "patch"] | None = None,
    int8: Annotated[bool, Parameter(negative=())] = False,
    calibrate: Path | None = None,
    crops: int = 256,
    loss: float = 0.004,
    seed: int = 0,
    score: Path | None = None,
    license: str = "",
    quiet: bool = False,
) -> None:
    """Write the model to a file that trackers and other programs run, and check that it gives the same vectors.

    Parameters
    ----------
    run
        A run folder.
    out
        The file to write: .onnx, .xml (OpenVINO, with a .bin beside it) or .pt2 (torch).
    format
        The format, where the suffix should not decide alone.
    input
        pixels: bytes of crops of any size, resized and normalized inside; floats: 0 to 255 at the model's size,
        normalized inside; tracker: at the model's size and normalized by ImageNet's mean and deviation, as most
        trackers feed their re-identification model.
    layout
        Order of the axes; nhwc for pixels and nchw for the others when not given.
    channels
        Order of the channels that come in; OpenCV reads bgr.
    part
        Vectors of whole images or of patches alone, where the method learned both.
    int8
        Calculate with 8-bit integers in the layers that bear it: smaller, faster, a little less accurate.
    calibrate
        With --int8: a folder of crops from your cameras, to find the ranges on.
    crops
        How many of them.
    loss
        With --int8: by how much the median cosine may fall below 1. The larger, the more layers calculate in int8.
    seed
        Which crops.
    score
        Labelled data: also tell mAP and rank-1 of the run and of the file.
    license
        Terms of the data that the model learned from, as you state them; written into the file.
    quiet
        Show no progress.
    """
    from reseen.export.export import export_run

    made = export_run(
        run,
        out,
        format=format,
        input=input,
        layout=layout,
        channels=channels,
        part=part,
        int8=int8,
        calibrate=calibrate,
        crops=crops,
        loss=loss,
        seed=seed,
        score=score,
        license=license,
        quiet=quiet,
    )
    card, parity = made.card, made.parity
    print(f"{made.file}: {made.format}, {card['reseen.precision']}, {made.size / 1e6:.1f} MB")
    print(f"takes {card['reseen.input']}")
    print(f"gives {card['reseen.output']}")
    print(
        f"against PyTorch on {parity.crops} {made.checked_on}: cosine at least {parity.minimum:.7f}, "
        f"median {parity.median:.7f}"
    )
    if made.scores is not None:
        for name, value in (("run", made.scores.run), ("file", made.scores.file)):
            print(f"{name}: mAP {value.mean_average_precision:.2%}, rank-1 {value.cmc[1]:.2%}")

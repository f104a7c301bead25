"""`reseen export`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def export(
    run: Path,
    *,
    out: Path,
    format: Literal["onnx", "openvino", "torch", "reid"] | None = None,
    input: Literal["pixels", "floats", "tracker"] = "pixels",
    layout: Literal["nhwc", "nchw"] | None = None,
    channels: Literal["rgb", "bgr"] = "rgb",
    part: Literal["both", "global", "patch"] | None = None,
    opset: int = 18,
    fp16: Annotated[bool, Parameter(negative=())] = False,
    int8: Annotated[bool, Parameter(negative=())] = False,
    calibrate: Path | None = None,
    crops: int = 256,
    loss: float = 0.004,
    seed: int = 0,
    score: Path | None = None,
    license: str = "",
    quiet: bool = False,
) -> None:
    """Export the model to a file for trackers and other programs, and check that its embeddings match the run's.

    Parameters
    ----------
    run
        A run folder.
    out
        The file to write: .onnx, .xml (OpenVINO, with a .bin beside it) or .pt2 (torch); for reid a folder.
    format
        File format; default: by the suffix of --out. reid: a folder for Roboflow's package reid, for backbones that
        end in a normalization.
    input
        pixels: uint8 crops of any size, resized and normalized in the model; floats: 0 to 255 at the model's size,
        normalized in the model; tracker: at the model's size and already normalized by ImageNet's mean and standard
        deviation, as most trackers do.
    layout
        Order of the input axes; default: nhwc for pixels, nchw otherwise.
    channels
        Order of the input channels; OpenCV reads bgr.
    part
        Export only global or only patch embeddings, where the method learns both.
    opset
        Version of the ONNX operators, 18 to 23.
    fp16
        Compute the backbone in 16-bit floats, as TensorRT takes it from the file.
    int8
        Quantize to 8-bit integers the layers that tolerate it: smaller and faster, slightly less accurate.
    calibrate
        With --int8: a folder of crops from your cameras, to calibrate the activation ranges.
    crops
        Number of calibration crops.
    loss
        With --int8: how far the median cosine may fall below 1; a larger value quantizes more layers.
    seed
        Random seed of the calibration crops.
    score
        A benchmark with identities: also report mAP and rank-1 of the run and of the exported file.
    license
        Terms of use of the training data, as you state them; written into the file.
    quiet
        Hide progress.
    """
    from reseen.export.export import export_run

    exported = export_run(
        run,
        out,
        format=format,
        input=input,
        layout=layout,
        channels=channels,
        part=part,
        opset=opset,
        fp16=fp16,
        int8=int8,
        calibrate=calibrate,
        crops=crops,
        loss=loss,
        seed=seed,
        score=score,
        license=license,
        quiet=quiet,
    )
    card, parity = exported.card, exported.parity
    print(f"{exported.file}: {exported.format}, {card['reseen.precision']}, {exported.size / 1e6:.1f} MB")
    print(f"input: {card['reseen.input']}")
    print(f"output: {card['reseen.output']}")
    print(
        f"compared with PyTorch on {parity.crops} {exported.checked_on}: cosine at least {parity.minimum:.7f}, "
        f"median {parity.median:.7f}"
    )
    if exported.scores is not None:
        for name, value in (("run", exported.scores.run), ("file", exported.scores.file)):
            print(f"{name}: mAP {value.mean_average_precision:.2%}, rank-1 {value.cmc[1]:.2%}")

"""Export of a run to ONNX, OpenVINO, torch or the folder of the `reid` package, with a parity check."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from reseen.errors import RunError, SettingsError
from reseen.export.card import make_card
from reseen.export.graph import DeployedEncoder, in_half_precision, trace
from reseen.export.parity import Scores, compare_scores, measure_parity, require_parity
from reseen.export.quantize import LOSS, quantize
from reseen.export.reid_folder import write_reid
from reseen.export.samples import Pixels, calibration_crops, check_crops
from reseen.exported.exported_file import Format, file_format, files_of, open_exported
from reseen.exported.input_spec import Channels, InputKind, InputSpec, Layout, input_spec
from reseen.exported.metadata import Card
from reseen.exported.onnx_file import OPSET, OPSETS, write_onnx
from reseen.exported.openvino_file import write_openvino
from reseen.exported.parity_limits import Parity
from reseen.exported.torch_file import write_torch
from reseen.files import check_output, write_atomically
from reseen.locks import exclusive_writer
from reseen.models import Encoder
from reseen.runs.console import RunView
from reseen.runs.run import Run, open_run
from reseen.tasks.evaluation.score import read_benchmark


@dataclass(frozen=True)
class Export:
    """The result of `export_run`: a file that was written and passed the parity check."""

    file: Path
    """The file; for `reid` the folder."""
    format: Format
    card: Card
    """Metadata of the file."""
    parity: Parity
    checked_on: str
    """Which crops the parity check used."""
    size: int
    """Bytes of all files of the model."""
    scores: Scores | None
    """mAP and CMC of the run and of the file; None without `score`."""


def export_run(
    run: Run | str | Path,
    out: str | Path,
    *,
    format: Format | None = None,
    input: InputKind = "pixels",
    layout: Layout | None = None,
    channels: Channels = "rgb",
    part: Literal["both", "global", "patch"] | None = None,
    opset: int = OPSET,
    fp16: bool = False,
    int8: bool = False,
    calibrate: str | Path | None = None,
    crops: int = 256,
    loss: float = LOSS,
    seed: int = 0,
    score: str | Path | None = None,
    license: str = "",
    quiet: bool = False,
) -> Export:
    """Export a run's encoder to a file and check it against the run; a file that fails the check is not kept.

    Args:
        run: a run or its folder.
        out: the file; the suffix selects the format: .onnx, .xml (OpenVINO) or .pt2 (torch). For `reid` a folder.
        format: a format that the suffix must match, or `reid`: a folder for the `reid` package, whose own
            preprocessing makes the input.
        input: `pixels` (uint8, any size), `floats` (0 to 255) or `tracker` (normalized as for ImageNet).
        layout: `nhwc` or `nchw`; by default nhwc for `pixels`, else nchw.
        channels: `rgb` or `bgr`.
        part: which part of a global and patch embedding; by default the part that the run is scored with.
        opset: version of the ONNX operators, 18 to 23, for runtimes that know no later or no earlier ones.
        fp16: compute the backbone in 16-bit floats; input, resizing, pooling and vectors stay float32.
        int8: quantize; layers stay in float32 until the median cosine with float32 is at least `1 - loss`.
        calibrate: with `int8`, a folder of crops for activation ranges, preferably from the target cameras.
        crops: with `int8`, how many crops of that folder are used at most.
        loss: with `int8`, the allowed drop of the median cosine, above 0 and below 1.
        seed: draws the crops for calibration and for the check.
        score: labeled data; run and file are both scored on it.
        license: license text, recorded in the file.
        quiet: show no progress.

    Raises:
        RunError: `run` is no run folder, or its features are not normalized.
        SettingsError: incompatible options, or a required package is not installed.
        DataError: too few readable crops for calibration, or `score` has no query and gallery.
        ExportError: the format cannot represent the model, or the file fails the check; `out` is then unchanged.
        StorageError: `out` cannot be written, or another process is writing it.

    Example:
        >>> export = reseen.export_run("runs/market", "market.onnx")
        >>> export.parity.minimum > 0.99999
        True
    """
    run = run if isinstance(run, Run) else open_run(run)
    out = Path(out).expanduser()
    kind, spec = file_format(out, format), input_spec(input, layout, channels)
    _check_options(run, kind, int8, calibrate, crops, loss)
    _check_graph_options(kind, spec, opset, fp16, int8)
    if kind == "reid":
        spec = InputSpec("floats", "nchw", "rgb")
    targets = files_of(out, kind)
    for target in targets:
        check_output(target)
    with exclusive_writer(targets[-1]):
        benchmark = read_benchmark(score) if score is not None else None
        encoder = run.encoder(part=part).requires_grad_(False).to(memory_format=torch.contiguous_format)
        to_calibrate, to_check, origin, calibration = None, None, "", ""
        if int8:
            assert calibrate is not None
            to_calibrate, to_check = calibration_crops(
                run, encoder, Path(calibrate).expanduser(), crops, seed
            )
            origin, calibration = "crops of the folder", f"{len(to_calibrate)} crops, seed {seed}"
        else:
            to_check, origin = check_crops(run, encoder, seed)
        precision = "int8" if int8 else "float16" if fp16 else "float32"
        card = make_card(run, encoder, spec, license, precision, calibration)
        with tempfile.TemporaryDirectory() as folder:
            temporary = Path(folder) / f"model{out.suffix}"
            with RunView(0, quiet) as view:
                if kind == "reid":
                    view.phase("writing", 1)
                    write_reid(encoder, card, temporary, out.absolute())
                else:
                    _write(
                        in_half_precision(encoder) if fp16 else encoder,
                        spec,
                        card,
                        kind,
                        opset=opset,
                        to_calibrate=to_calibrate,
                        loss=loss,
                        temporary=temporary,
                        view=view,
                    )
                file = open_exported(temporary)
                progress = view.phase("checking", len(to_check))
                parity = measure_parity(file, encoder, spec, to_check, progress)
            require_parity(parity, precision)
            scores = (
                compare_scores(run, file, spec, benchmark, part, quiet) if benchmark is not None else None
            )
            size = _move_into_place(files_of(temporary, kind), targets)
        return Export(out, kind, file.card, parity, origin, size, scores)


def _check_options(
    run: Run, kind: Format, int8: bool, calibrate: str | Path | None, crops: int, loss: float
) -> None:
    if run.recipe.model.feature == "raw":
        raise RunError(
            f"{run.folder}: its vectors are raw and compared by Euclidean distance, but users of an exported file "
            "compare by cosine, which ranks differently; train with --model.feature sphere"
        )
    if int8 and kind in ("torch", "reid"):
        raise SettingsError(
            f"--int8 is supported for onnx and openvino; {_WHAT[kind]} of {kind} keeps float32"
        )
    if int8 and calibrate is None:
        training_data = run.facts.get("root")
        hint = f", such as its training data, --calibrate {training_data}" if training_data else ""
        raise SettingsError(f"--int8 needs a folder of crops to calibrate on: --calibrate DIR{hint}")
    if calibrate is not None and not int8:
        raise SettingsError("--calibrate is for --int8; remove it, or add --int8")
    if crops < 1:
        raise SettingsError(f"--crops {crops}: give at least 16, better a few hundred")
    if not 0 < loss < 1:
        raise SettingsError(
            f"--loss {loss}: give the allowed drop of the median cosine below 1, above 0 and below 1, such as {LOSS}"
        )


_WHAT: dict[Format, str] = {"onnx": "a file", "openvino": "a file", "torch": "a file", "reid": "a folder"}


def _check_graph_options(kind: Format, spec: InputSpec, opset: int, fp16: bool, int8: bool) -> None:
    if kind == "reid" and spec != InputSpec():
        raise SettingsError(
            "--input, --layout and --channels are for onnx, openvino and torch; in a reid folder the package resizes "
            "and normalizes, as reid_config.json says"
        )
    if opset != OPSET and kind != "onnx":
        raise SettingsError(f"--opset is for onnx; {_WHAT[kind]} of {kind} has none")
    if opset not in OPSETS:
        raise SettingsError(f"--opset {opset}: give {OPSETS[0]} to {OPSETS[-1]}")
    if fp16 and kind in ("torch", "reid"):
        raise SettingsError(
            f"--fp16 is supported for onnx and openvino; {_WHAT[kind]} of {kind} keeps float32"
        )
    if fp16 and int8:
        raise SettingsError(
            "--fp16 and --int8 exclude each other: int8 keeps its sensitive layers in float32"
        )


def _write(
    encoder: Encoder,
    spec: InputSpec,
    card: Card,
    kind: Format,
    *,
    opset: int,
    to_calibrate: Pixels | None,
    loss: float,
    temporary: Path,
    view: RunView,
) -> None:
    """Write the file in one format; int8 and OpenVINO are made from a float32 ONNX file."""
    progress = view.phase("writing", 1 if kind == "torch" else 2)
    program = trace(DeployedEncoder(encoder, spec).eval(), spec)
    progress(1)
    if kind == "torch":
        write_torch(program, card, temporary)
        return
    onnx_file = temporary.with_name("float32.onnx")
    write_onnx(program, spec, card, onnx_file, opset)
    progress(1)
    if to_calibrate is not None:
        quantized = temporary.with_name("int8.onnx")
        card, onnx_file = (
            quantize(onnx_file, card, spec.arrange(to_calibrate), quantized, view, loss),
            quantized,
        )
    if kind == "openvino":
        write_openvino(onnx_file, card, temporary)
    else:
        onnx_file.replace(temporary)


def _move_into_place(sources: list[Path], targets: list[Path]) -> int:
    """Move the files of a model into place atomically; returns their size in bytes."""
    for source, target in zip(sources, targets, strict=True):
        if source.is_file():
            write_atomically(target, lambda copy, source=source: _copy(source, copy))
        else:  # a file that only some models of a format have
            target.unlink(missing_ok=True)
    return sum(target.stat().st_size for target in targets if target.is_file())


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)

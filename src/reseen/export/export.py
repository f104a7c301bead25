"""From a run to a file that other programs run."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from reseen.errors import RunError, SettingsError
from reseen.export.card import Card, make_card
from reseen.export.exported import Format, file_format, open_exported
from reseen.export.graph import DeployedEncoder, trace
from reseen.export.input_spec import Channels, InputSpec, Kind, Layout, input_spec
from reseen.export.onnx_file import write_onnx
from reseen.export.openvino_file import write_openvino
from reseen.export.parity import Parity, Scores, compare_scores, measure_parity, require_parity
from reseen.export.quantize import LOSS, quantize
from reseen.export.samples import Pixels, calibration_crops, check_crops
from reseen.export.torch_file import write_torch
from reseen.files import check_output, write_atomically
from reseen.locks import exclusive_writer
from reseen.models import Encoder
from reseen.runs.console import RunView
from reseen.runs.run import Run, open_run
from reseen.tasks.evaluation.score import read_benchmark


@dataclass(frozen=True)
class Export:
    """A file that was written and checked."""

    file: Path
    format: Format
    card: Card
    """What the file says of itself."""
    parity: Parity
    checked_on: str
    """Which crops it was checked with."""
    size: int
    """Bytes, of both files where there are two."""
    scores: Scores | None
    """Of the run and of the file, where labelled data was given."""


def export_run(
    run: Run | str | Path,
    out: str | Path,
    *,
    format: Format | None = None,
    input: Kind = "pixels",
    layout: Layout | None = None,
    channels: Channels = "rgb",
    part: Literal["both", "global", "patch"] | None = None,
    int8: bool = False,
    calibrate: str | Path | None = None,
    crops: int = 256,
    loss: float = LOSS,
    seed: int = 0,
    score: str | Path | None = None,
    license: str = "",
    quiet: bool = False,
) -> Export:
    """Write the encoder that the run is scored with, and check the file before it takes its place.

    The format is that of the suffix of `out`: .onnx, .xml (OpenVINO) or .pt2 (torch). With `int8`, ranges come from at
    most `crops` crops of the folder `calibrate`, drawn with `seed`, and layers stay in float32 until the median cosine
    is at least 1 less `loss`. `score` is labelled data that run and file are both scored on. `license` is written into
    the file as it is.

    Raises:
        RunError: no run folder, or its vectors are raw.
        SettingsError: options that do not fit together, or a package that is not installed.
        DataError: no crops to calibrate on, or no query and gallery to score.
        ExportError: the format cannot hold the model, or the file does not give its vectors; nothing is written then.
        StorageError: `out` cannot be written, or another process is writing it.
    """
    run = run if isinstance(run, Run) else open_run(run)
    out = Path(out).expanduser()
    kind, form = file_format(out, format), input_spec(input, layout, channels)
    _check_options(run, kind, int8, calibrate, crops, loss)
    for target in _targets(out):
        check_output(target)
    with exclusive_writer(out):
        benchmark = read_benchmark(score) if score is not None else None
        encoder = run.encoder(part=part).requires_grad_(False).to(memory_format=torch.contiguous_format)
        chosen, checked, words, calibration = None, None, "", ""
        if int8:
            assert calibrate is not None
            chosen, checked = calibration_crops(run, encoder, Path(calibrate).expanduser(), crops, seed)
            words, calibration = "crops of the folder", f"{len(chosen)} crops, seed {seed}"
        else:
            checked, words = check_crops(run, encoder, seed)
        precision = "int8" if int8 else "float32"
        card = make_card(run, encoder, form, license, precision, calibration)
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / f"model{out.suffix}"
            with RunView(0, quiet) as view:
                _write(encoder, form, card, kind, chosen, loss, made, view)
                file = open_exported(made)
                progress = view.phase("checking", len(checked))
                parity = measure_parity(file, encoder, form, checked, progress)
            require_parity(parity, precision)
            scores = (
                compare_scores(run, file, form, benchmark, part, quiet) if benchmark is not None else None
            )
            size = _put_in_place(made, out)
        return Export(out, kind, file.card, parity, words, size, scores)


def _check_options(
    run: Run, kind: Format, int8: bool, calibrate: str | Path | None, crops: int, loss: float
) -> None:
    if run.recipe.model.feature == "raw":
        raise RunError(
            f"{run.folder}: its vectors are raw and compared by Euclidean distance, but whoever takes the file "
            "compares directions and would rank otherwise than the run was scored; train with --model.feature sphere"
        )
    if int8 and kind == "torch":
        raise SettingsError("--int8 is for onnx and openvino; a torch file keeps float32")
    if int8 and calibrate is None:
        learned = run.facts.get("root")
        hint = f", such as those it learned from, --calibrate {learned}" if learned else ""
        raise SettingsError(f"--int8 needs a folder of crops to calibrate on: --calibrate DIR{hint}")
    if calibrate is not None and not int8:
        raise SettingsError("--calibrate is for --int8; leave it out, or add --int8")
    if crops < 1:
        raise SettingsError(f"--crops {crops}: take at least 16, some hundreds are better")
    if not 0 < loss < 1:
        raise SettingsError(f"--loss {loss}: say by how much cosines may fall below 1, such as {LOSS}")


def _write(
    encoder: Encoder,
    form: InputSpec,
    card: Card,
    kind: Format,
    chosen: Pixels | None,
    loss: float,
    made: Path,
    view: RunView,
) -> None:
    """Write the file in the format asked for; OpenVINO reads the ONNX file, int8 grows out of it."""
    progress = view.phase("writing", 1 if kind == "torch" else 2)
    program = trace(DeployedEncoder(encoder, form).eval(), form)
    progress(1)
    if kind == "torch":
        write_torch(program, card, made)
        return
    whole = made.with_name("whole.onnx")
    write_onnx(program, form, card, whole)
    progress(1)
    if chosen is not None:
        quantized = made.with_name("int8.onnx")
        card, whole = quantize(whole, card, form.arrange(chosen), quantized, view, loss), quantized
    if kind == "openvino":
        write_openvino(whole, card, made)
    else:
        whole.replace(made)


def _put_in_place(made: Path, out: Path) -> int:
    """Copy what was written beside its place and rename it; an OpenVINO model's numbers go before its graph."""
    pairs = list(zip(_targets(made), _targets(out), strict=True))
    for source, target in pairs:
        write_atomically(target, lambda temporary, source=source: _copy(source, temporary))
    return sum(target.stat().st_size for _, target in pairs)


def _targets(out: Path) -> list[Path]:
    """The files of a model, in the order in which they are put in place."""
    return [out.with_suffix(".bin"), out] if out.suffix == ".xml" else [out]


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)

"""What computes the vectors of a run's encoder: PyTorch in a precision, or an exported file of the run in its runtime.

Vectors of two engines are close, not equal. So whatever keeps vectors keeps the `key` of the engine with them, and how
close they are to those of PyTorch in float32 is measured on some of the crops at hand: that depends on the processor,
which is not always the one that a file was exported on.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from reseen.data.crops import Crops
from reseen.errors import ExportError, SettingsError
from reseen.exported.exported_file import ExportedFile, check_exported, open_exported
from reseen.exported.input_spec import InputSpec, input_spec
from reseen.exported.metadata import Card, first_line
from reseen.exported.parity_limits import MIN_COSINE, MIN_MEDIAN_COSINE_INT8, Parity
from reseen.features.extract import extract
from reseen.models import Encoder
from reseen.models.arithmetic import Arithmetic
from reseen.models.encoder_fingerprint import fingerprint
from reseen.models.fold import folded_copy
from reseen.runs.run import Run

EnginePrecision = Literal["32", "auto", "bf16"]
"""How PyTorch computes: `32` is float32; `auto` and `bf16` are faster, with batch norms multiplied into convolutions,
`auto` in float32 and `bf16` in bfloat16."""

PARITY_CROPS = 32
"""Most crops that an engine is compared on."""

BATCH = 32
"""Crops per call of a runtime, which keeps the memory of its largest call; with more it is not faster."""


@dataclass(frozen=True)
class EngineChoice:
    """The engine that a person chose, before it is opened.

    Raises:
        SettingsError: a file and a precision, an unknown precision, or the suffix of the file is not known.
        ExportError: the file does not exist.
    """

    exported: Path | None = None
    """An exported file of the run; None for PyTorch."""
    precision: EnginePrecision = "32"
    """How PyTorch computes."""

    def __post_init__(self) -> None:
        if self.precision not in ("32", "auto", "bf16"):
            raise SettingsError(f"--precision: no '{self.precision}'; known: 32, auto, bf16")
        if self.exported is None:
            return
        if self.precision != "32":
            raise SettingsError(
                "--precision is that of PyTorch, and an exported file has its own; leave one of the two out"
            )
        check_exported(self.exported)

    @property
    def key(self) -> str:
        """What identifies it for files that hold its vectors: empty for PyTorch in float32."""
        if self.exported is None:
            return "" if self.precision == "32" else self.precision
        digest = hashlib.sha256()
        weights = self.exported.with_suffix(".bin")  # of OpenVINO
        for file in (
            self.exported,
            *([weights] if self.exported.suffix == ".xml" and weights.is_file() else []),
        ):
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
        return digest.hexdigest()[:32]


class ExportedEncoder:
    """An exported file that embeds in place of its encoder, on the CPU with torch's number of threads."""

    def __init__(self, path: Path, opened: ExportedFile, encoder: Encoder) -> None:
        """Wrap a file of this encoder.

        Raises:
            ExportError: its metadata do not describe its input.
        """
        self.path = path
        self._opened, self._dimension = opened, encoder.dimension
        self._spec = _input_of(path, opened.card)

    def __call__(self, images: UInt8[Tensor, "b 3 h w"]) -> Float32[Tensor, "b d"]:
        """The embeddings of RGB images of the encoder's size.

        Raises:
            ExportError: the runtime fails, or gives something else than one vector for each image.
        """
        parts = []
        for some in images.cpu().split(BATCH):
            try:
                vectors = self._opened(self._spec.arrange(some))
            except Exception as error:
                raise ExportError(
                    f"{self.path}: {self._opened.runtime} cannot run it ({first_line(error)}); export it again"
                ) from None
            if vectors.shape != (len(some), self._dimension):
                raise ExportError(
                    f"{self.path}: gives an array of {vectors.shape} for {len(some)} crops, expected "
                    f"{(len(some), self._dimension)}; export it again"
                )
            parts.append(torch.from_numpy(np.asarray(vectors, dtype=np.float32)))
        return torch.cat(parts)


@dataclass(frozen=True)
class Engine:
    """An engine, ready to embed. Made by `open_engine`."""

    name: str
    """What computes, with its version, such as `onnxruntime 1.31.0`."""
    precision: str
    """In which numbers: `float32`, `bf16` or `int8`."""
    key: str
    """What vectors depend on besides encoder, crops and machine; empty for PyTorch in float32."""
    encoder: Encoder
    """The encoder that computes, or whose exported file does."""
    file: ExportedEncoder | None = None
    """What computes in place of the encoder; None for PyTorch."""

    def describe(self, parity: Parity | None) -> dict[str, Any]:
        """Metadata for a file of vectors, with the parity that was measured."""
        facts: dict[str, Any] = {"engine": self.name, "precision": self.precision}
        if self.file is not None:
            facts["exported"] = self.file.path.name
        if parity is not None:
            facts["parity"] = {"minimum": parity.minimum, "median": parity.median, "crops": parity.crops}
        return facts


def open_engine(run: Run, encoder: Encoder, choice: EngineChoice) -> Engine:
    """Open what was chosen for the `encoder` of a `run`, on the encoder's device; exported files run on the CPU.

    Raises:
        ExportError: the file is damaged, or of another encoder.
        SettingsError: the runtime of the file is not installed.

    Example:
        >>> engine = open_engine(run, run.encoder(), EngineChoice(Path("model-int8.onnx")))
        >>> features = extract(engine.encoder, crops, torch.device("cpu"), embedder=engine.file)
    """
    if choice.exported is not None:
        file = choice.exported
        opened = open_exported(file)
        _check_same_encoder(run, encoder, file, opened.card)
        precision = opened.card.get("reseen.precision", "float32")
        exported = ExportedEncoder(file, opened, encoder)
        return Engine(opened.runtime, precision, f"{opened.runtime} {choice.key}", encoder, exported)
    name = f"PyTorch {torch.__version__}"
    if choice.precision == "32":
        return Engine(name, "float32", "", encoder)
    number = torch.bfloat16 if choice.precision == "bf16" else None
    precision = "float32" if number is None else "bf16"
    return Engine(name, precision, choice.key, folded_copy(encoder, Arithmetic(number)))


def compare_with_encoder(
    engine: Engine, encoder: Encoder, crops: Crops, device: torch.device
) -> Parity | None:
    """Cosines of the engine's vectors with those of the encoder in float32, on up to 32 evenly spaced crops.

    None for the encoder itself.

    Raises:
        ExportError: the vectors of an exported file are too far from the encoder's, on this machine.
        SettingsError: those of PyTorch in another precision are.
    """
    if not engine.key:
        return None
    rows = np.linspace(0, len(crops) - 1, min(PARITY_CROPS, len(crops))).round().astype(np.int64)
    some = crops.select(rows)
    expected = extract(encoder, some, device).numpy.astype(np.float64)
    found = extract(engine.encoder, some, device, embedder=engine.file).numpy.astype(np.float64)
    cosines = (expected * found).sum(axis=1)
    cosines /= np.linalg.norm(expected, axis=1) * np.linalg.norm(found, axis=1)
    parity = Parity(float(cosines.min()), float(np.median(cosines)), len(rows))
    exact = engine.precision == "float32"
    if (parity.minimum >= MIN_COSINE) if exact else (parity.median >= MIN_MEDIAN_COSINE_INT8):
        return parity
    measured = (
        f"smallest cosine {parity.minimum:.6f}, required {MIN_COSINE}"
        if exact
        else f"median cosine {parity.median:.3f}, required {MIN_MEDIAN_COSINE_INT8}"
    )
    problem = (
        f"{engine.name} in {engine.precision} is too far from PyTorch in float32 on {parity.crops} of the crops: "
        f"{measured}"
    )
    if engine.file is None:
        raise SettingsError(f"{problem}; leave --precision out")
    raise ExportError(f"{engine.file.path}: {problem}; export it again on this machine, or leave it out")


def _check_same_encoder(run: Run, encoder: Encoder, file: Path, card: Card) -> None:
    given, own = card.get("reseen.fingerprint", ""), fingerprint(encoder)
    if given == own:
        return
    part = card.get("reseen.part", "global")
    scored = encoder.part if encoder.patches is not None else "global"
    why = (
        f"it embeds the part '{part}', and the run is scored with '{scored}'"
        if part != scored
        else "it is of another run, or was made before this one was trained further "
        f"(fingerprints {given[:8]} and {own[:8]})"
    )
    raise ExportError(
        f"{file}: not the encoder of {run.folder}: {why}; export it again: reseen export {run.folder} --out {file}"
    )


def _input_of(file: Path, card: Card) -> InputSpec:
    try:
        return input_spec(*(card[f"reseen.input.{name}"] for name in ("kind", "layout", "channels")))
    except (KeyError, SettingsError):
        raise ExportError(
            f"{file}: its metadata do not say what its input is; write it with `reseen export`"
        ) from None

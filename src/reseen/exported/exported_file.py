"""The formats of exported models: which suffix belongs to which, which files a model has, and how to open one."""

from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
from jaxtyping import Float32

from reseen.config import suggestion
from reseen.errors import ExportError, SettingsError
from reseen.exported.metadata import Card, first_line
from reseen.exported.onnx_file import OnnxFile
from reseen.exported.openvino_file import OpenvinoFile
from reseen.exported.reid_reader import REID_CONFIG, REID_FILES, ReidFolder
from reseen.exported.torch_file import TorchFile

Format = Literal["onnx", "openvino", "torch", "reid"]

SUFFIXES: dict[Format, str] = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}
"""Suffix of the formats that are one file; `reid` is a folder of any name without one of them."""


class ExportedFile(Protocol):
    """An exported model, ready for inference: a batch of images to unit vectors."""

    card: Card
    """Metadata of the file, such as `reseen.input` and `reseen.dimension`."""
    runtime: str
    """What runs it, with its version, such as `onnxruntime 1.31.0`."""

    def __call__(self, images: np.ndarray) -> Float32[np.ndarray, "b d"]:
        """Unit vectors, float32, of images in the layout and type that the card describes."""
        ...


def open_exported(file: str | Path) -> ExportedFile:
    """Open an exported file, or a folder of the format `reid`; the suffix selects the runtime.

    Raises:
        ExportError: the file does not exist, is damaged, or was not written by `reseen export`.
        SettingsError: unknown suffix, or the runtime is not installed.

    Example:
        >>> model = open_exported("model.onnx")
        >>> model.card["reseen.input"]
        'images: uint8, 0 to 255, batch x height x width x 3, RGB'
        >>> model(np.zeros((4, 256, 128, 3), np.uint8)).shape
        (4, 2048)
    """
    file = Path(file).expanduser()
    kind = check_exported(file)
    openers = {"onnx": OnnxFile, "openvino": OpenvinoFile, "torch": TorchFile, "reid": ReidFolder}
    try:
        opened = openers[kind](file)
    except (ExportError, SettingsError):
        raise
    except Exception as error:
        raise ExportError(
            f"{file}: cannot be read as {kind} ({first_line(error)}); export it again"
        ) from None
    if not opened.card:
        raise ExportError(f"{file}: has no metadata of reseen; write it with `reseen export`")
    return opened


def check_exported(file: Path) -> Format:
    """The format of an existing file or folder, which is not opened.

    Raises:
        ExportError: there is no such file.
        SettingsError: unknown suffix.
    """
    kind = file_format(file, "reid" if (file / REID_CONFIG).is_file() else None)
    if kind != "reid" and not file.is_file():
        raise ExportError(f"{file}: no such file; write it with `reseen export`")
    return kind


def file_format(file: Path, expected: str | None = None) -> Format:
    """The format of a file or folder, by its suffix.

    Args:
        file: path, which need not exist.
        expected: a format that the suffix must match, or None for any; `reid` matches a folder without suffix.

    Raises:
        SettingsError: unknown format or suffix, or the suffix belongs to another format.
    """
    known = get_args(Format)
    if expected is not None and expected not in known:
        raise SettingsError(
            f"--format: no '{expected}'{suggestion(expected, known)}; known: {', '.join(known)}"
        )
    if expected == "reid":
        if file.suffix in SUFFIXES.values():
            raise SettingsError(f"{file}: --format reid writes a folder; give a name without '{file.suffix}'")
        return "reid"
    for kind, suffix in SUFFIXES.items():
        if file.suffix == suffix and expected in (None, kind):
            return kind
    allowed = [(kind, suffix) for kind, suffix in SUFFIXES.items() if expected in (None, kind)]
    raise SettingsError(
        f"{file}: the file name must end in {' or '.join(f'{suffix} ({kind})' for kind, suffix in allowed)}, "
        f"found '{file.suffix}'"
    )


def files_of(out: Path, kind: Format) -> list[Path]:
    """The files of a model at `out`, in the order in which they are replaced: the one that is opened first is last."""
    if kind == "reid":
        return [out / name for name in REID_FILES]
    return [out.with_suffix(".bin"), out] if kind == "openvino" else [out]

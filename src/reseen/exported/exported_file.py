"""Open an exported file; its suffix selects the runtime."""

from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
from jaxtyping import Float32

from reseen.config import suggestion
from reseen.errors import ExportError, SettingsError
from reseen.exported.card import Card, first_line
from reseen.exported.onnx_file import OnnxFile
from reseen.exported.openvino_file import OpenvinoFile
from reseen.exported.torch_file import TorchFile

Format = Literal["onnx", "openvino", "torch"]

SUFFIXES: dict[Format, str] = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}


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
    """Open an exported file; the suffix selects the runtime.

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
    openers = {"onnx": OnnxFile, "openvino": OpenvinoFile, "torch": TorchFile}
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
    """The format of an existing file, which is not opened.

    Raises:
        ExportError: there is no such file.
        SettingsError: unknown suffix.
    """
    kind = file_format(file)
    if not file.is_file():
        raise ExportError(f"{file}: no such file; write it with `reseen export`")
    return kind


def file_format(file: Path, expected: str | None = None) -> Format:
    """The format of a file, by its suffix.

    Args:
        file: path of the file, which need not exist.
        expected: a format that the suffix must match, or None for any.

    Raises:
        SettingsError: unknown format or suffix, or the suffix belongs to another format.
    """
    known = get_args(Format)
    if expected is not None and expected not in known:
        raise SettingsError(
            f"--format: no '{expected}'{suggestion(expected, known)}; known: {', '.join(known)}"
        )
    for kind, suffix in SUFFIXES.items():
        if file.suffix == suffix and expected in (None, kind):
            return kind
    allowed = [(kind, suffix) for kind, suffix in SUFFIXES.items() if expected in (None, kind)]
    raise SettingsError(
        f"{file}: the file name must end in {' or '.join(f'{suffix} ({kind})' for kind, suffix in allowed)}, "
        f"found '{file.suffix}'"
    )

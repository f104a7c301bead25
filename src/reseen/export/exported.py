"""A file that `reseen export` wrote, whatever its format, ready to run."""

from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
from jaxtyping import Float32

from reseen.config import suggestion
from reseen.errors import ExportError, SettingsError
from reseen.export.card import Card
from reseen.export.graph import first_line
from reseen.export.onnx_file import OnnxFile
from reseen.export.openvino_file import OpenvinoFile
from reseen.export.torch_file import TorchFile

Format = Literal["onnx", "openvino", "torch"]

SUFFIXES: dict[Format, str] = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}


class ExportedFile(Protocol):
    """Images to unit vectors."""

    card: Card
    """What the file says of itself."""

    def __call__(self, images: np.ndarray) -> Float32[np.ndarray, "b d"]:
        """The vectors of images in the form that the card names."""
        ...


def open_exported(file: str | Path) -> ExportedFile:
    """Open an exported file by its suffix.

    Raises:
        ExportError: there is no such file, or `reseen export` did not write it.
        SettingsError: another suffix, or the runtime is not installed.
    """
    file = Path(file).expanduser()
    kind = file_format(file)
    if not file.is_file():
        raise ExportError(f"{file}: no such file; write it with `reseen export`")
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
        raise ExportError(f"{file}: does not say what it takes; write it with `reseen export`")
    return opened


def file_format(file: Path, wanted: str | None = None) -> Format:
    """The format of a file by its suffix, which must be that of the `wanted` one, if there is one.

    Raises:
        SettingsError: an unknown format or suffix, or two that do not fit together.
    """
    known = get_args(Format)
    if wanted is not None and wanted not in known:
        raise SettingsError(f"--format: no '{wanted}'{suggestion(wanted, known)}; known: {', '.join(known)}")
    for kind, suffix in SUFFIXES.items():
        if file.suffix == suffix and wanted in (None, kind):
            return kind
    right = [(kind, suffix) for kind, suffix in SUFFIXES.items() if wanted in (None, kind)]
    raise SettingsError(
        f"{file}: the name of a file ends in {' or '.join(f'{suffix} ({kind})' for kind, suffix in right)}, "
        f"found '{file.suffix}'"
    )

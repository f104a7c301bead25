"""Reads and writes the whitening of a run, a file in the run folder."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from reseen.errors import RunError
from reseen.files import write_atomically
from reseen.models.whitening import Whitening
from reseen.runs.checkpoint import save_file

WHITENING = "whitening.safetensors"
_FORMAT = "reseen-whitening-1"


def write_whitening(file: Path, whitening: Whitening, of: str) -> None:
    """Write a whitening; `of` identifies the encoder that it belongs to, such as the round of a run.

    Raises:
        StorageError: the file cannot be written.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in whitening.state_dict().items()}
    write_atomically(file, lambda temporary: save_file(tensors, temporary, {"format": _FORMAT, "of": of}))


def read_whitening(file: Path, of: str) -> Whitening | None:
    """Read a whitening; None if there is no file, or if its `of` differs.

    Raises:
        RunError: the file is damaged.
    """
    if not file.is_file():
        return None
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            mean, matrix = opened.get_tensor("mean"), opened.get_tensor("matrix")
        if metadata["format"] != _FORMAT:
            raise ValueError(f"its format is {metadata['format'][:40]}")
        if metadata["of"] != of:
            return None
        if mean.ndim != 1 or matrix.shape != (len(mean), len(mean)):
            raise ValueError("its mean and matrix do not fit each other")
        if not (mean.isfinite().all() and matrix.isfinite().all()):
            raise ValueError("it holds numbers that are not finite")
    except (SafetensorError, OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{file}: damaged ({error}); remove it, and embeddings are not whitened, or resume the training, which "
            "makes it again"
        ) from None
    return Whitening(mean, matrix)

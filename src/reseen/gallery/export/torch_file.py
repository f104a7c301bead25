"""A `.pt2` file: PyTorch's own form of an exported graph, in a zip archive of JSON and raw numbers."""

import json
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from reseen.gallery.export.card import Card
from reseen.gallery.export.torch_check import check_torch_file

_CARD = "reseen.json"


def write_torch(program: torch.export.ExportedProgram, card: Card, file: Path) -> None:
    """Write a traced graph. Nothing in the file is a pickle."""
    torch.export.save(program, file, extra_files={_CARD: json.dumps(card, ensure_ascii=False)})


class TorchFile:
    """A `.pt2` file, ready to run on the CPU.

    Raises:
        ExportError: it holds what `reseen export` never writes; nothing of it is loaded then.
    """

    def __init__(self, file: Path) -> None:
        check_torch_file(file)
        extra = {_CARD: ""}
        program = torch.export.load(file, extra_files=extra)
        self.card: Card = json.loads(extra[_CARD] or "{}")
        self._graph = program.module()

    @torch.no_grad()
    def __call__(self, images: np.ndarray) -> Float32[np.ndarray, "b d"]:
        """The vectors of images in the form that the card names."""
        return self._graph(torch.from_numpy(images)).numpy()

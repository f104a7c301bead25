"""Which model made the vectors of a gallery."""

import hashlib
import json
from dataclasses import asdict, dataclass

import numpy as np

from reseen.errors import GalleryError
from reseen.models import Encoder
from reseen.reading import parse_as
from reseen.runs.run import Run


@dataclass(frozen=True)
class ModelIdentity:
    """What a gallery remembers of the model whose vectors it holds."""

    fingerprint: str
    """SHA-256 (hex) of the weights in use, the input's size and its normalization."""
    dimension: int
    method: str
    backbone: str
    height: int
    width: int
    run: str
    """The run's folder when the gallery was made, as text; it may have moved since."""

    @property
    def name(self) -> str:
        """For a message."""
        return f"{self.method} on {self.backbone}, run {self.run}, fingerprint {self.fingerprint[:8]}"

    def to_json(self) -> str:
        """Text for a store."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "ModelIdentity":
        """Read `to_json` again.

        Raises:
            GalleryError: the text is no such thing.
        """
        try:
            return parse_as(cls, text)
        except (TypeError, ValueError) as error:
            raise GalleryError(
                f"what the gallery says of its model cannot be read ({error}); index the crops into a new gallery"
            ) from None


def identify(run: Run, encoder: Encoder) -> ModelIdentity:
    """The identity of a run's encoder after its last whole round.

    Raises:
        GalleryError: the run's vectors are raw and cannot be compared by cosine.
    """
    if encoder.raw:
        raise GalleryError(
            f"{run.folder}: its features are raw, and a gallery compares directions; train with --model.feature sphere"
        )
    return ModelIdentity(
        fingerprint(encoder),
        encoder.dimension,
        run.recipe.method.name,
        run.recipe.model.backbone,
        encoder.height,
        encoder.width,
        str(run.folder.resolve()),
    )


def fingerprint(encoder: Encoder) -> str:
    """SHA-256 (hex) of the weights, the input's size and normalization, and the part that vectors are made of."""
    digest = hashlib.sha256(
        f"{encoder.height} {encoder.width} {encoder.mean} {encoder.std} {encoder.part}".encode()
    )
    for name, tensor in sorted(encoder.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(np.ascontiguousarray(tensor.numpy()).tobytes())
    return digest.hexdigest()

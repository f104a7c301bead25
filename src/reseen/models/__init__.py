"""The encoder: images to embeddings."""

from reseen.models.encoder import Encoder
from reseen.models.settings import ModelSettings

__all__ = [
    "Encoder",
    "ModelSettings",
]

"""The encoder: images to embeddings."""

from reseen.models.encoder import Encoder as Encoder
from reseen.models.settings import ModelSettings as ModelSettings

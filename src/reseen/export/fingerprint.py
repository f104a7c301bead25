"""Identity of the model that produced the vectors of a gallery."""

import json
from dataclasses import asdict, dataclass

from reseen.errors import GalleryError
from reseen.models import Encoder
from reseen.models.encoder_fingerprint import fingerprint
from reseen.reading import parse_as
from reseen.runs.run import Run


@dataclass(frozen=True)
class ModelIdentity:
    """The model that produced a gallery's vectors, and of what; vectors are comparable only if both are equal."""

    fingerprint: str
    """SHA-256 (hex) of the weights, the input size and normalization, and the part that is embedded."""
    dimension: int
    method: str
    backbone: str
    height: int
    width: int
    run: str
    """Absolute path of the run folder when the gallery was created; it may have moved since."""
    mirrored: bool = False
    """Whether the vectors are means of the embeddings of a crop and its mirror image."""

    @property
    def name(self) -> str:
        """A description for messages."""
        mirrored = ", crops averaged with their mirror images" if self.mirrored else ""
        return (
            f"{self.method} on {self.backbone}, run {self.run}, fingerprint {self.fingerprint[:8]}{mirrored}"
        )

    @property
    def vector_identity(self) -> str:
        """Equal for comparable vectors: the fingerprint, and whether crops are averaged with their mirror images."""
        return f"{self.fingerprint} mirrored" if self.mirrored else self.fingerprint

    def to_json(self) -> str:
        """JSON text, as a store keeps it; `mirrored` only where true, so that earlier versions read all others."""
        values = asdict(self)
        if not self.mirrored:
            del values["mirrored"]
        return json.dumps(values, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "ModelIdentity":
        """Parse what `to_json` wrote.

        Raises:
            GalleryError: the text is not valid.
        """
        try:
            return parse_as(cls, text)
        except (TypeError, ValueError) as error:
            raise GalleryError(
                f"the gallery's model description cannot be read ({error}); index the crops into a new gallery"
            ) from None


def identify(run: Run, encoder: Encoder, mirrored: bool = False) -> ModelIdentity:
    """The identity of a run's encoder after its last complete round, of vectors that are `mirrored` or not.

    Raises:
        GalleryError: the run's features are not normalized, so that they cannot be compared by cosine.
    """
    if encoder.raw:
        raise GalleryError(
            f"{run.folder}: its features are not normalized and a gallery compares by cosine; "
            "train with --model.feature sphere"
        )
    return ModelIdentity(
        fingerprint(encoder),
        encoder.dimension,
        run.recipe.method.name,
        run.recipe.model.backbone,
        encoder.height,
        encoder.width,
        str(run.folder.resolve()),
        mirrored,
    )

"""Identity of the model that produced the vectors of a gallery."""

import json
from dataclasses import asdict, dataclass

from reseen.errors import GalleryError
from reseen.models import Encoder
from reseen.models.encoder import fingerprint
from reseen.reading import parse_as
from reseen.runs.run import Run


@dataclass(frozen=True)
class ModelIdentity:
    """The model that produced a gallery's vectors; vectors are comparable only if the fingerprints are equal."""

    fingerprint: str
    """SHA-256 (hex) of the weights, the input size and normalization, and the part that is embedded."""
    dimension: int
    method: str
    backbone: str
    height: int
    width: int
    run: str
    """Absolute path of the run folder when the gallery was created; it may have moved since."""

    @property
    def name(self) -> str:
        """A description for messages."""
        return f"{self.method} on {self.backbone}, run {self.run}, fingerprint {self.fingerprint[:8]}"

    def to_json(self) -> str:
        """JSON text, as a store keeps it."""
        return json.dumps(asdict(self), sort_keys=True)

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


def identify(run: Run, encoder: Encoder) -> ModelIdentity:
    """The identity of a run's encoder after its last complete round.

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
    )

"""A trained encoder to use: embeddings of image files, arrays and Pillow images, and a folder to pass it on in."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from reseen.data.decode import UnreadableError, decode, decode_pillow, fit, quiet_pillow, read_bytes
from reseen.data.table import ImageSource
from reseen.data.views import normalize
from reseen.environment import versions
from reseen.errors import DataError, ReseenError, WeightsError
from reseen.files import make_folder, write_atomically, write_text
from reseen.geometry import unit
from reseen.models import Encoder, ModelSettings
from reseen.models.weights import read_safetensors
from reseen.models.whitening import Whitening
from reseen.reading import read_json, validate_as
from reseen.runs.checkpoint import save_file
from reseen.runs.model_card import CARD, model_card
from reseen.runs.run import RECIPE, Run, open_run

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
FILES = (CONFIG, WEIGHTS, CARD)
"""The files of a saved encoder."""

ImageInput = str | Path | bytes | np.ndarray | Tensor | Image.Image
"""One image: a file, its encoded bytes, RGB pixels (h, w, 3) as uint8, or a Pillow image."""

_FORMAT = "reseen-encoder-1"
_BATCH = 64


class _Config(BaseModel):
    """The content of `config.json`."""

    model_config = ConfigDict(extra="allow")

    format: Literal["reseen-encoder-1"]
    model: dict[str, Any]
    height: int = Field(ge=1, le=4096)
    width: int = Field(ge=1, le=4096)
    part: Literal["both", "global", "patch"] = "both"
    white_level: float | None = Field(default=None, gt=0)


@dataclass(frozen=True, eq=False)
class PretrainedEncoder:
    """An encoder with the reading of images that it was trained with. Made by `load` and `from_pretrained`.

    Example:
        >>> encoder = reseen.load("runs/market")
        >>> encoder.embed(["a.jpg", "b.jpg"]).shape
        (2, 2048)
    """

    encoder: Encoder
    """The torch module, in evaluation mode."""
    settings: ModelSettings
    """Settings that the module is built with."""
    card: str
    """The model card, Markdown."""
    white_level: float | None = None
    """White level of images with more than 8 bits; None for the default of their format."""

    @property
    def dimension(self) -> int:
        """Dimension of the embeddings."""
        return self.encoder.dimension

    @property
    def device(self) -> torch.device:
        """Where the module is."""
        return next(self.encoder.parameters()).device

    def to(self, device: str | torch.device) -> "PretrainedEncoder":
        """Move the module to a device, in place; returns this object."""
        self.encoder.to(device)
        return self

    def embed(
        self, images: ImageInput | Iterable[ImageInput], *, mirrored: bool = False
    ) -> Float32[np.ndarray, "*n d"]:
        """Embeddings (n, d) of images, in order; of a single image its embedding (d,).

        Rows have unit length, to be compared by cosine, unless the model's features are raw. Images are resized as in
        training. Bit for bit, a row may depend on the images that are embedded with it, by rounding.

        Args:
            images: files, encoded bytes, Pillow images, or RGB pixels (h, w, 3) as uint8 arrays or tensors; one, or a
                sequence, an array (n, h, w, 3) or an iterator of them. Each shows one person.
            mirrored: average the embeddings of an image and its mirror image.

        Raises:
            DataError: an image cannot be read, or is no RGB image of uint8 values; names its position.

        Example:
            >>> query, gallery = encoder.embed("person.jpg"), encoder.embed(Path("crops").glob("*.jpg"))
            >>> np.argsort(-gallery @ query)[:10]
        """
        if _is_single(images):
            return self._embed_batch([self._pixels(images, "the image")], mirrored)[0]
        several: Any = images
        numbered = enumerate(several)
        rows = []
        while batch := list(islice(numbered, _BATCH)):
            pixels = [self._pixels(image, f"image {number}") for number, image in batch]
            rows.append(self._embed_batch(pixels, mirrored))
        return np.concatenate(rows) if rows else np.empty((0, self.dimension), np.float32)

    def save(self, folder: str | Path) -> Path:
        """Write the encoder to a folder that `load` and `from_pretrained` open: settings, weights and model card.

        Raises:
            StorageError: the folder cannot be written.
        """
        target = make_folder(Path(folder).expanduser())
        config = {
            "format": _FORMAT,
            "model": self.settings.model_dump(mode="json"),
            "height": self.encoder.height,
            "width": self.encoder.width,
            "part": self.encoder.part,
            "white_level": self.white_level,
            "dimension": self.dimension,
            "versions": versions(),
        }
        state = {
            name: tensor.detach().cpu().contiguous().clone()
            for name, tensor in self.encoder.state_dict().items()
        }
        write_atomically(target / WEIGHTS, lambda temporary: save_file(state, temporary, {"format": "pt"}))
        write_text(target / CARD, self.card)
        write_text(target / CONFIG, json.dumps(config, indent=1) + "\n")
        return target

    @torch.no_grad()
    def _embed_batch(
        self, pixels: list[UInt8[np.ndarray, "h w 3"]], mirrored: bool
    ) -> Float32[np.ndarray, "b d"]:
        encoder = self.encoder
        batch = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).to(self.device)
        images = normalize(batch, encoder.mean, encoder.std)
        vectors = encoder(images)
        if mirrored:
            vectors = (vectors + encoder(images.flip(3))) / 2
            vectors = vectors if encoder.raw else unit(vectors)
        return vectors.float().cpu().numpy()

    def _pixels(self, image: Any, name: str) -> UInt8[np.ndarray, "h w 3"]:
        """The pixels of an image at the model's input size; `name` is its name in messages."""
        try:
            with quiet_pillow():
                if isinstance(image, str | Path):
                    name = str(image)
                    decoded = decode(read_bytes(ImageSource(Path(image).expanduser())), self.white_level)
                elif isinstance(image, bytes):
                    decoded = decode(image, self.white_level)
                elif isinstance(image, Image.Image):
                    decoded = decode_pillow(image, self.white_level)
                else:
                    decoded = _rgb_array(image)
                return np.array(fit(decoded, self.encoder.height, self.encoder.width))
        except UnreadableError as error:
            raise DataError(f"{name}: {error}; give an image of one person") from None


def load(source: Run | str | Path) -> PretrainedEncoder:
    """The encoder of a run, or one that `PretrainedEncoder.save` wrote, on the CPU.

    Args:
        source: a run, its folder, or the folder of a saved encoder.

    Raises:
        RunError: the folder is neither, or a file of the run is damaged.
        WeightsError: a file of the saved encoder is missing, damaged or of another model.

    Example:
        >>> reseen.load("runs/market").embed("person.jpg").shape
        (2048,)
    """
    folder = None if isinstance(source, Run) else Path(source).expanduser()
    if folder is not None and (folder / CONFIG).is_file() and not (folder / RECIPE).is_file():
        return _load_saved(folder)
    run = source if isinstance(source, Run) else open_run(source)
    settings = run.recipe.model.model_copy(update={"weights": "none", "start": None})
    return PretrainedEncoder(run.encoder(), settings, model_card(run), run.recipe.data.white_level)


def _load_saved(folder: Path) -> PretrainedEncoder:
    file = folder / CONFIG
    try:
        config = validate_as(_Config, read_json(file))
        model = {**config.model, "weights": "none", "start": None}  # all weights are in the folder
        settings = ModelSettings.parse(model, str(file))
        encoder = Encoder(settings, config.height, config.width)
    except (OSError, ValueError, TypeError, ReseenError) as error:
        raise WeightsError(f"{file}: not the settings of an encoder of reseen ({error})") from None
    try:
        state = read_safetensors(folder / WEIGHTS)
        if "whitening.matrix" in state:
            width = encoder.channels
            encoder.whitening = Whitening(torch.zeros(width), torch.eye(width))
        encoder.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(f"{folder / WEIGHTS}: does not fit {CONFIG} ({reason})") from None
    encoder.eval()
    encoder.part = config.part
    card = (folder / CARD).read_text(encoding="utf-8") if (folder / CARD).is_file() else ""
    module = encoder.to(memory_format=torch.channels_last)
    return PretrainedEncoder(module, settings, card, config.white_level)


def _is_single(images: Any) -> bool:
    """Whether this is one image, not several."""
    if isinstance(images, np.ndarray | Tensor):
        return images.ndim <= 3
    return isinstance(images, str | Path | bytes | Image.Image)


def _rgb_array(image: Any) -> UInt8[np.ndarray, "h w 3"]:
    array = image.detach().cpu().numpy() if isinstance(image, Tensor) else image
    if not isinstance(array, np.ndarray):
        raise UnreadableError(
            f"a {type(image).__name__} is no image; give a path, an array or a Pillow image"
        )
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise UnreadableError(
            f"an array must hold RGB pixels of shape (height, width, 3) as uint8, found {array.shape} of type "
            f"{array.dtype}"
        )
    return np.ascontiguousarray(array)

r"""The encoder with everything around it: from the bytes of crops to unit vectors in one graph.

Antialiased bicubic resizing as two matrix products, so that a graph for any runtime can hold it.

Operators for it exist, but runtimes disagree on them or lack them. Weights are Keys' kernel with a = -0.5, stretched by
the scale where an image shrinks, normalized to sum 1 over the pixels that exist; each product is rounded to whole
values from 0 to 255. Pillow computes the same, but for the last bit of a few values; crops that shrink less in height
than in width it takes in the other order, which shows where values saturate. Equal sizes change nothing.

Reference: Keys, "Cubic convolution interpolation for digital image processing", 1981, eq. 15.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reseen.errors import ExportError
from reseen.export.input_spec import IMAGENET_MEAN, IMAGENET_STD, InputSpec
from reseen.models import Encoder


def resize(images: Float[Tensor, "b c y x"], height: int, width: int) -> Float[Tensor, "b c h w"]:
    """Images of whole values from 0 to 255 at another size: down first, then across."""
    images = _whole(bicubic_weights(images.shape[2], height) @ images)
    return _whole(images @ bicubic_weights(images.shape[3], width).T)


def bicubic_weights(size: int, target: int) -> Float[Tensor, "t s"]:
    """How much each of `size` pixels counts in each of `target` pixels; rows sum to 1."""
    pixels = torch.arange(size, dtype=torch.float32) + 0.5
    scale = torch.full((), size, dtype=torch.float32) / target
    centers = (torch.arange(target, dtype=torch.float32) + 0.5) * scale
    weights = _kernel((pixels[None, :] - centers[:, None]) / scale.clamp_min(1))
    return weights / weights.sum(dim=1, keepdim=True)


def _kernel(distance: Tensor) -> Tensor:
    away = distance.abs()
    near = ((1.5 * away - 2.5) * away) * away + 1
    far = ((-0.5 * away + 2.5) * away - 4) * away + 2
    return torch.where(away < 1, near, torch.where(away < 2, far, torch.zeros_like(away)))


def _whole(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255)


class DeployedEncoder(nn.Module):
    """Images of an `InputSpec` to unit vectors."""

    def __init__(self, encoder: Encoder, form: InputSpec) -> None:
        super().__init__()
        self.encoder = encoder
        self._form = form
        mean, std = torch.tensor(encoder.mean), torch.tensor(encoder.std)
        if form.kind == "tracker":  # from ImageNet's normalization to the model's, which mostly is the same
            scale = torch.tensor(IMAGENET_STD) / std
            offset = (torch.tensor(IMAGENET_MEAN) - mean) / std
        else:
            scale, offset = 1 / (255 * std), -mean / std
        self.register_buffer("scale", scale[None, :, None, None])
        self.register_buffer("offset", offset[None, :, None, None])

    def forward(self, images: Tensor) -> Float[Tensor, "b d"]:
        """Vectors of length 1."""
        form = self._form
        pictures = images.permute(0, 3, 1, 2) if form.layout == "nhwc" else images
        pictures = pictures.to(torch.float32)
        if form.channels == "bgr":
            pictures = pictures.flip(1)
        if form.any_size:
            pictures = resize(pictures, self.encoder.height, self.encoder.width)
        return self.encoder(pictures * self.scale + self.offset)


def trace(deployed: DeployedEncoder, form: InputSpec) -> torch.export.ExportedProgram:
    """The graph for any batch, and for any height and width where the form takes them.

    Raises:
        ExportError: the backbone decides by the numbers or sizes that it sees, which no graph can hold.
    """
    encoder = deployed.encoder
    axes = {0: torch.export.Dim("batch")}
    if form.any_size:
        axes |= dict(zip(form.size_axes, torch.export.dims("height", "width"), strict=True))
    try:
        with torch.no_grad():
            program = torch.export.export(
                deployed, (form.sample(encoder.height, encoder.width),), dynamic_shapes=(axes,), strict=False
            )
    except Exception as error:
        raise ExportError(
            f"torch cannot trace this backbone for any batch ({first_line(error)}); train another backbone"
        ) from None
    program.example_inputs = None  # they would be pickled into a .pt2
    return program


def first_line(error: Exception) -> str:
    """What an error says, in one line of at most 160 characters."""
    text = str(error).strip()
    return (text.splitlines()[0] if text else error.__class__.__name__)[:160]

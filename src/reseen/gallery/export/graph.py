"""The encoder with everything around it: from the bytes of crops to unit vectors in one graph."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reseen.errors import ExportError
from reseen.gallery.export.form import IMAGENET_MEAN, IMAGENET_STD, InputForm
from reseen.gallery.export.resize import resize
from reseen.models import Encoder


class DeployedEncoder(nn.Module):
    """Images of an `InputForm` to unit vectors."""

    def __init__(self, encoder: Encoder, form: InputForm) -> None:
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


def trace(deployed: DeployedEncoder, form: InputForm) -> torch.export.ExportedProgram:
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

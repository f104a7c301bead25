r"""The exported graph: resizing, normalization and the encoder, from uint8 crops to unit vectors.

Resizing is antialiased bicubic interpolation written as two matrix products, because resize operators differ between
runtimes or are missing. Weights are Keys' kernel with a = -0.5, widened by the scale factor when an image shrinks and
normalized to sum 1 over the pixels inside the image; each product is rounded to integers from 0 to 255. Results match
Pillow up to the last bit of a few values. Exception: for crops that shrink less in height than in width, Pillow resizes
the axes in the other order, which differs where values saturate. An image of the target size is unchanged.

Reference: Keys, "Cubic convolution interpolation for digital image processing", 1981, eq. 15.
"""

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reseen.errors import ExportError
from reseen.exported.input_spec import IMAGENET_MEAN, IMAGENET_STD, InputSpec
from reseen.exported.metadata import first_line
from reseen.models import Encoder
from reseen.models.arithmetic import Arithmetic


def resize(images: Float[Tensor, "b c y x"], height: int, width: int) -> Float[Tensor, "b c h w"]:
    """Integer-valued float images, 0 to 255, resized to `height` x `width`: rows first, then columns."""
    images = _quantize(bicubic_weights(images.shape[2], height) @ images)
    return _quantize(images @ bicubic_weights(images.shape[3], width).T)


def bicubic_weights(size: int, target: int) -> Float[Tensor, "t s"]:
    """Interpolation matrix from `size` to `target` pixels, float32; rows sum to 1. Keys 1981, eq. 15."""
    pixels = torch.arange(size, dtype=torch.float32) + 0.5
    scale = torch.full((), size, dtype=torch.float32) / target
    centers = (torch.arange(target, dtype=torch.float32) + 0.5) * scale
    weights = _kernel((pixels[None, :] - centers[:, None]) / scale.clamp_min(1))
    return weights / weights.sum(dim=1, keepdim=True)


def _kernel(distance: Tensor) -> Tensor:
    absolute = distance.abs()
    near = ((1.5 * absolute - 2.5) * absolute) * absolute + 1
    far = ((-0.5 * absolute + 2.5) * absolute - 4) * absolute + 2
    return torch.where(absolute < 1, near, torch.where(absolute < 2, far, torch.zeros_like(absolute)))


def _quantize(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255)


class DeployedEncoder(nn.Module):
    """The module that is exported: images of an `InputSpec` to unit vectors."""

    def __init__(self, encoder: Encoder, spec: InputSpec) -> None:
        super().__init__()
        self.encoder = encoder
        self._spec = spec
        mean, std = torch.tensor(encoder.mean), torch.tensor(encoder.std)
        if spec.kind == "tracker":  # from ImageNet normalization to the model's, usually the same
            scale = torch.tensor(IMAGENET_STD) / std
            offset = (torch.tensor(IMAGENET_MEAN) - mean) / std
        else:
            scale, offset = 1 / (255 * std), -mean / std
        self.register_buffer("scale", scale[None, :, None, None])
        self.register_buffer("offset", offset[None, :, None, None])

    def forward(self, images: Tensor) -> Float[Tensor, "b d"]:
        """Unit vectors, float32, of a batch of images."""
        spec = self._spec
        images = images.permute(0, 3, 1, 2) if spec.layout == "nhwc" else images
        images = images.to(torch.float32)
        if spec.channels == "bgr":
            images = images.flip(1)
        if spec.any_size:
            images = resize(images, self.encoder.height, self.encoder.width)
        return self.encoder(images * self.scale + self.offset)


class _HalfTrunk(nn.Module):
    """A trunk that computes in float16, with float32 input and output."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = copy.deepcopy(trunk).half()

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Tensor:
        return self.trunk(images.half()).float()

    def get_submodule(self, target: str) -> nn.Module:
        """A module of the trunk, by its name there."""
        return self.trunk.get_submodule(target)


def in_half_precision(encoder: Encoder) -> Encoder:
    """The encoder with a trunk that computes in float16; pooling, neck and patches stay float32.

    Powers of generalized-mean pooling overflow in half precision, and vectors that are compared should not be rounded.
    """
    return encoder.with_trunk(_HalfTrunk(encoder.trunk), Arithmetic()).eval().requires_grad_(False)


def trace(deployed: DeployedEncoder, spec: InputSpec) -> torch.export.ExportedProgram:
    """Trace the graph with a dynamic batch size, and dynamic height and width if `spec` allows any size.

    Raises:
        ExportError: the backbone cannot be traced, such as for control flow that depends on data or on the batch size.
    """
    encoder = deployed.encoder
    axes = {0: torch.export.Dim("batch")}
    if spec.any_size:
        axes |= dict(zip(spec.size_axes, torch.export.dims("height", "width"), strict=True))
    try:
        with torch.no_grad():
            program = torch.export.export(
                deployed, (spec.sample(encoder.height, encoder.width),), dynamic_shapes=(axes,), strict=False
            )
    except Exception as error:
        raise ExportError(
            f"torch cannot trace this backbone with a dynamic batch size ({first_line(error)}); train another backbone"
        ) from None
    program.example_inputs = None  # would be pickled into a .pt2
    return program

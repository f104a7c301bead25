"""Input of an exported file: pixels of any size, floats, or ImageNet-normalized floats as trackers feed them."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from reseen.config import suggestion
from reseen.errors import SettingsError

InputKind = Literal["pixels", "floats", "tracker"]
Layout = Literal["nhwc", "nchw"]
Channels = Literal["rgb", "bgr"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Per-channel RGB mean and standard deviation of values 0 to 1, which most trackers normalize with."""


@dataclass(frozen=True)
class InputSpec:
    """Type, layout and channel order of the input tensor `images`; the output tensor is `vectors`."""

    kind: InputKind = "pixels"
    """`pixels`: uint8, any size, equal within a batch; `floats`: float32 from 0 to 255 at the model's size;
    `tracker`: float32, normalized by ImageNet's mean and standard deviation, at the model's size."""
    layout: Layout = "nhwc"
    """`nhwc`: batch, height, width, channel, as in OpenCV and Pillow; `nchw`: channels before height, as in PyTorch."""
    channels: Channels = "rgb"
    """Channel order; OpenCV reads images as `bgr`."""

    @property
    def any_size(self) -> bool:
        """Whether crops of any size are accepted; the graph then resizes them."""
        return self.kind == "pixels"

    def text(self, height: int, width: int) -> str:
        """A one-line description for a model of `height` x `width` pixels."""
        size = ("height", "width") if self.any_size else (str(height), str(width))
        axes = ("3", *size) if self.layout == "nchw" else (*size, "3")
        values = {
            "pixels": "uint8, 0 to 255",
            "floats": "float32, 0 to 255",
            "tracker": "float32, normalized by ImageNet's mean and standard deviation",
        }[self.kind]
        return f"{values}, batch x {' x '.join(axes)}, {self.channels.upper()}"

    def arrange(self, crops: UInt8[Tensor, "b 3 h w"]) -> np.ndarray:
        """RGB uint8 crops as input of the file: the NumPy preprocessing that a calling program does."""
        images = crops.numpy()
        if self.channels == "bgr":
            images = images[:, ::-1]
        if self.kind != "pixels":
            images = images.astype(np.float32)
        if self.kind == "tracker":
            order = slice(None, None, -1) if self.channels == "bgr" else slice(None)
            mean = np.array(IMAGENET_MEAN, dtype=np.float32)[order, None, None]
            std = np.array(IMAGENET_STD, dtype=np.float32)[order, None, None]
            images = (images / np.float32(255) - mean) / std
        if self.layout == "nhwc":
            images = images.transpose(0, 2, 3, 1)
        return np.ascontiguousarray(images)

    def sample(self, height: int, width: int) -> Tensor:
        """A batch of two black images to trace with; of an unusual size if any size is accepted."""
        size = (height + 5, width + 3) if self.any_size else (height, width)
        shape = (2, 3, *size) if self.layout == "nchw" else (2, *size, 3)
        return torch.zeros(shape, dtype=torch.uint8 if self.kind == "pixels" else torch.float32)

    @property
    def size_axes(self) -> tuple[int, int]:
        """The axes of height and width."""
        return (2, 3) if self.layout == "nchw" else (1, 2)


def input_spec(kind: str = "pixels", layout: str | None = None, channels: str = "rgb") -> InputSpec:
    """An `InputSpec` from option values; the default layout is nhwc for `pixels`, else nchw.

    Raises:
        SettingsError: an unknown value.
    """
    layout = layout or ("nhwc" if kind == "pixels" else "nchw")
    for name, value, known in (
        ("input", kind, get_args(InputKind)),
        ("layout", layout, get_args(Layout)),
        ("channels", channels, get_args(Channels)),
    ):
        if value not in known:
            raise SettingsError(
                f"--{name}: no '{value}'{suggestion(value, known)}; known: {', '.join(known)}"
            )
    return InputSpec(kind, layout, channels)  # type: ignore[arg-type]

"""`DataSettings`: the layout of the data on disk, crop size, pixel cache, labels."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from reseen.conditions import Above, When
from reseen.config import Settings


class DataSettings(Settings):
    """How crops are found, decoded and cached."""

    layout: str = "auto"
    """Name of the layout of the data on disk, as `reseen data fetch` lists them, or that of another package's reader;
    `auto` detects it."""

    variant: str | None = None
    """Split, boxes or test size of a benchmark with several variants; default: its first."""

    camera_pattern: str | None = None
    """Pattern of the camera in paths below a folder: `{camera}/{*}` (sub-folders) or `{camera}_{*}.jpg`; for folders
    train, query and gallery, paths below each."""

    identity_pattern: str | None = None
    """Pattern of the identity in paths below query and gallery, such as `{identity}/{*}`; used only for evaluation,
    never in training."""

    height: int | None = Field(default=None, ge=8, le=4096)
    """Height of a crop in pixels; default: that of the backbone."""

    width: int | None = Field(default=None, ge=8, le=4096)
    """Width of a crop in pixels; default: that of the backbone."""

    cache_dir: Annotated[Path | None, When(cache_gigabytes=Above(0))] = None
    """Folder for decoded crops; default: `$RESEEN_CACHE`, else the user's cache folder."""

    cache_gigabytes: float = Field(default=20.0, ge=0)
    """Size limit of the cache of decoded crops in GB; the least recently used are evicted, 0 disables the cache."""

    white_level: float | None = Field(default=None, gt=0, le=2**32)
    """Value of white in images of more than 8 bits, such as 4095 for 12 bits stored in 16; default: 65535 for integers
    and 1 for floats. Does not affect 8-bit images."""

    near_copies_once: bool = False
    """Whether near-copies of a crop (re-encoded, shifted or repeated frames of the same camera) count as one crop in
    clustering by density; they get its label, and are trained on as all others."""

    labels: Path | None = None
    """CSV file of path and label, for the supervised method `source` only."""

    constraints: Path | None = None
    """File of answers saved by `reseen audit --verify`: pairs of crops that every clustering must (must-link) or must
    not (cannot-link) put into one cluster."""

    tracklet_constraints: Literal["none", "cannot-link", "both"] = "none"
    """What tracklets say to every clustering: tracklets of one camera that overlap in time are different people
    (`cannot-link`), and crops of one tracklet the same person too (`both`)."""

    unreadable_share: float = Field(default=0.01, ge=0, le=1)
    """Fraction of images, 0 to 1, that may be unreadable before reseen stops with an error."""

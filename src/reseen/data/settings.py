"""Settings of the images: where the cameras come from, how large crops are, where decoded pixels are kept."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from reseen.conditions import Above, When
from reseen.config import Settings


class DataSettings(Settings):
    """How crops are found, decoded and kept."""

    layout: Literal[
        "auto", "market1501", "dukemtmc-reid", "occluded-duke", "msmt17", "cuhk03", "cuhk01", "viper", "prid2011",
        "ilids-vid", "mars", "dukemtmc-videoreid", "personx", "randperson", "luperson", "veri-776", "vehicleid",
        "animals", "split-folders", "webdataset", "manifest", "folder",
    ] = "auto"  # fmt: skip
    """How the data lies on disk; `auto` looks."""

    variant: str | None = None
    """Which split, boxes or test size of a benchmark that has several; its first when not given."""

    camera_pattern: str | None = None
    """Where a folder's paths name the camera: `{camera}/{*}` (sub-folders) or `{camera}_{*}.jpg`; for folders train,
    query and gallery, paths below each."""

    identity_pattern: str | None = None
    """Where paths below query and gallery name the person, such as `{identity}/{*}`; read when a run is scored, never
    in training."""

    height: int | None = Field(default=None, ge=8, le=4096)
    """Height of a crop in pixels; the backbone's own when not given."""

    width: int | None = Field(default=None, ge=8, le=4096)
    """Width of a crop in pixels; the backbone's own when not given."""

    cache_dir: Annotated[Path | None, When(cache_gigabytes=Above(0))] = None
    """Folder for decoded crops; `$RESEEN_CACHE`, else the user's cache folder, when not given."""

    cache_gigabytes: float = Field(default=20.0, ge=0)
    """Most that decoded crops may take on disk, in GB; the least recently used go first, 0 keeps none."""

    white_level: float | None = Field(default=None, gt=0, le=2**32)
    """Value that is white in images of more than 8 bits, such as 4095 for 12 bits kept in 16; when not given, 65535 for
    integers and 1 for floats. Images of 8 bits are read as they are."""

    labels: Path | None = None
    """CSV file of path and label, for the supervised method `source` alone."""

    constraints: Path | None = None
    """File of answers that `reseen audit --verify` saved: pairs of crops that every clustering must put together, or
    cannot."""

    unreadable_share: float = Field(default=0.01, ge=0, le=1)
    """Share of images, 0 to 1, that may be unreadable before reseen stops."""

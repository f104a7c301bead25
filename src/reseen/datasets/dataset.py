"""`Dataset`: metadata of a benchmark or layout and the functions that read it; `Layout`: the names of all layouts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

from reseen.config import suggestion
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.errors import SettingsError


class Layout(StrEnum):
    """Layouts of data on disk that the package reads; `reseen.datasets.layout_detection` maps each to its `Dataset`."""

    MARKET1501 = "market1501"
    DUKE = "dukemtmc-reid"
    OCCLUDED_DUKE = "occluded-duke"
    MSMT17 = "msmt17"
    CUHK03 = "cuhk03"
    CUHK01 = "cuhk01"
    VIPER = "viper"
    PRID2011 = "prid2011"
    ILIDS_VID = "ilids-vid"
    MARS = "mars"
    DUKE_VIDEO = "dukemtmc-videoreid"
    PERSONX = "personx"
    RANDPERSON = "randperson"
    LUPERSON = "luperson"
    VERI776 = "veri-776"
    VEHICLEID = "vehicleid"
    ANIMALS = "animals"
    SPLIT_FOLDERS = "split-folders"
    SHARDS = "webdataset"
    MANIFEST = "manifest"
    FOLDER = "folder"


PATTERNED = (Layout.FOLDER, Layout.SPLIT_FOLDERS)
"""Layouts that support camera patterns."""

Counts = Mapping[str, Mapping[str, int]]
"""Counts by split and quantity (`images`, `people`, `junk`, `distractors`, `tracklets`, `cameras`)."""

Protocol = Literal["market", "cuhk03-classic", "video", "vehicleid"]
"""Evaluation protocols: `market` (CMC and mAP, excluding gallery crops of the query's identity and camera),
`cuhk03-classic` (100 people, single-gallery-shot, random draws), `video` (features averaged per tracklet, then
`market`), `vehicleid` (one random gallery crop per vehicle, ten draws)."""

Access = Literal["page", "request", "withdrawn", "own"]
"""How to obtain a data set: from its `page`, on `request` from its owners, not at all (`withdrawn`), or `own` data."""


@dataclass(frozen=True)
class Variant:
    """One of several ways to use a data set: a split, a kind of boxes, a test size."""

    name: str
    description: str = ""
    """A short description for reports; empty for the only variant of a data set."""
    protocol: Protocol = "market"
    published: Counts = field(default_factory=dict)
    """Counts published by the authors; empty if there are none."""


STANDARD = (Variant("standard"),)
"""The variants of data sets that have only one and no published counts."""


@dataclass(frozen=True)
class Dataset:
    """A benchmark or layout: how to recognize and read it, and information for users."""

    layout: str
    """Name of the layout: a `Layout`, or that of another package's reader."""
    title: str
    """Name for messages."""
    matches: Callable[[Path], bool]
    """Whether a folder or file has this layout; checks only a few names."""
    training: Callable[[Path, str], Rows]
    """Reads the training crops of a variant, without identities."""
    splits: Callable[[Path, str, Sequence[str] | None], dict[str, LabeledRows]] | None
    """Reads splits of a variant with identities, including junk: those named, or all present ones if None; None for a
    layout without identities."""
    has_identities: Callable[[Path], bool] = lambda _: True
    """Whether a folder or file of this layout has identities, for layouts in which they are optional."""
    parts: Callable[[Path], dict[str, Rows]] | None = None
    """Reads the present splits without identities, for layouts in which identities are optional."""
    zero_is_distractor: bool = False
    """True if identity 0 means distractors by the naming convention of the layout, as in Market-1501."""
    variants: tuple[Variant, ...] = STANDARD
    """Variants; the first is the default."""
    cameras_from: str = "the file names"
    """Where the cameras are read from, for messages."""
    source: str = ""
    """Authors and publication."""
    page: str = ""
    """URL of the official page."""
    terms: str = ""
    """Terms of use, in short."""
    access: Access = "request"
    size: str = ""
    """Size of the data set, as text."""
    note: str = ""
    """Remarks for users, such as that it was withdrawn."""
    release: Callable[[Path], str | None] | None = None
    """Detects which release a folder contains, if there are several."""
    expected_files: str = ""
    """Files and folders that are expected below the root, as text."""

    def variant(self, name: str | None) -> Variant:
        """The variant of a name; the default variant for None.

        Raises:
            SettingsError: the name is unknown.
        """
        if name is None:
            return self.variants[0]
        known = [variant.name for variant in self.variants]
        if name not in known:
            hint = suggestion(name, known) or f"; known: {', '.join(known)}"
            raise SettingsError(f"data.variant: {self.title} has no variant '{name}'{hint}")
        return self.variants[known.index(name)]

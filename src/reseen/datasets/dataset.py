"""`Dataset`: what reseen knows about a benchmark or a layout, and the functions that read it.

The names of the layouts that reseen reads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

from reseen.config import suggestion
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.errors import SettingsError


class Layout(StrEnum):
    """How data lies on disk; the table of what belongs to each is in `reseen.datasets.registry`."""

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
"""Layouts whose cameras may be named by a pattern."""


def parse(name: str | None) -> Layout | None:
    """A layout by name; None for `auto` or nothing.

    Raises:
        SettingsError: there is no such layout.
    """
    if name is None or name == "auto":
        return None
    try:
        return Layout(name)
    except ValueError:
        known = ["auto", *Layout]
        hint = suggestion(name, known) or f"; known: {', '.join(known)}"
        raise SettingsError(f"data.layout: no layout '{name}'{hint}") from None


Counts = Mapping[str, Mapping[str, int]]
"""Split to quantity (`images`, `people`, `junk`, `distractors`, `tracklets`, `cameras`) to a count."""

Protocol = Literal["market", "cuhk03-classic", "video", "vehicleid"]
"""The rules a benchmark is scored by: `market` (CMC and mAP, crops of the query's person and camera taken out),
`cuhk03-classic` (100 people, single-gallery-shot draws), `video` (crops of a tracklet are pooled, then the rules of
Market-1501), `vehicleid` (one random gallery crop of each vehicle, ten draws)."""

Access = Literal["page", "request", "withdrawn", "own"]
"""How a set is had: from its `page`, on `request` to its owners, not at all (`withdrawn`), or it is your `own`."""


@dataclass(frozen=True)
class Variant:
    """One way to use a data set: a split, a test size, a way to count."""

    name: str
    description: str = ""
    """What it is, in a few words for the result; empty where there is nothing to choose."""
    protocol: Protocol = "market"
    published: Counts = field(default_factory=dict)
    """Counts as its authors published them; empty where there are none."""


STANDARD = (Variant("standard"),)
"""For what has one way to be used, and no published counts."""


@dataclass(frozen=True)
class Dataset:
    """A row of the table of data sets."""

    layout: Layout
    title: str
    matches: Callable[[Path], bool]
    """True when a folder or file is laid out so; looks at a few names, not at all."""
    training: Callable[[Path, str], Rows]
    """Crops to learn from, of a variant; never who is on them."""
    splits: Callable[[Path, str, Sequence[str] | None], dict[str, LabeledRows]] | None
    """Splits of a variant with the people on them, junk included: those named, or those present; None where the
    layout knows nobody."""
    has_identities: Callable[[Path], bool] = lambda _: True
    """False when a folder or file of this layout says nothing about people, which is no fault of it."""
    parts: Callable[[Path], dict[str, Rows]] | None = None
    """Splits without people, for data that is split and says nothing about people."""
    zero_is_distractor: bool = False
    """True where the naming gives the identity 0 to distractors, as Market-1501's does."""
    variants: tuple[Variant, ...] = STANDARD
    """The first is the default."""
    cameras_from: str = "the file names"
    source: str = ""
    """Who made it, and where it was published."""
    page: str = ""
    """Where its owners describe it."""
    terms: str = ""
    """What its owners allow."""
    access: Access = "request"
    size: str = ""
    """How much there is, in words."""
    note: str = ""
    """What people should know before they use it: withdrawn, blurred, ambiguous."""
    release: Callable[[Path], str | None] | None = None
    """Which release lies in a folder, where they differ."""
    expected_files: str = ""
    """What has to lie where, for people who unpack it."""

    def variant(self, name: str | None) -> Variant:
        """A variant by name; the default when it is None.

        Raises:
            SettingsError: there is no such variant.
        """
        if name is None:
            return self.variants[0]
        known = [variant.name for variant in self.variants]
        if name not in known:
            hint = suggestion(name, known) or f"; known: {', '.join(known)}"
            raise SettingsError(f"data.variant: {self.title} has no variant '{name}'{hint}")
        return self.variants[known.index(name)]

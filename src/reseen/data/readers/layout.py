"""The names of the layouts that reseen reads."""

from enum import StrEnum

from reseen.config import suggestion
from reseen.errors import SettingsError


class Layout(StrEnum):
    """How data lies on disk; the table of what belongs to each is in `reseen.data.readers.datasets`."""

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
    SHARDS = "webdataset"
    MANIFEST = "manifest"
    FOLDER = "folder"


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

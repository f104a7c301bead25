"""The table of data sets, written by hand: one row for each layout, in the order in which they are looked for.

`folder` is not in it: anything that is nothing else is a bare folder, which has a camera pattern of its own.
"""

from reseen.data.readers import (
    animals,
    cuhk01,
    cuhk03,
    duke,
    duke_video,
    ilids_vid,
    luperson,
    manifest,
    market1501,
    mars,
    msmt17,
    personx,
    prid2011,
    randperson,
    shards,
    vehicleid,
    veri776,
    viper,
)
from reseen.data.readers.dataset import Dataset
from reseen.data.readers.layout import Layout

DATASETS: dict[Layout, Dataset] = {
    Layout.SHARDS: shards.DATASET,
    Layout.MANIFEST: manifest.DATASET,
    Layout.OCCLUDED_DUKE: duke.OCCLUDED,
    Layout.DUKE: duke.DATASET,
    Layout.PERSONX: personx.DATASET,
    Layout.MARKET1501: market1501.DATASET,
    Layout.MSMT17: msmt17.DATASET,
    Layout.CUHK03: cuhk03.DATASET,
    Layout.CUHK01: cuhk01.DATASET,
    Layout.VIPER: viper.DATASET,
    Layout.PRID2011: prid2011.DATASET,
    Layout.ILIDS_VID: ilids_vid.DATASET,
    Layout.MARS: mars.DATASET,
    Layout.DUKE_VIDEO: duke_video.DATASET,
    Layout.VERI776: veri776.DATASET,
    Layout.VEHICLEID: vehicleid.DATASET,
    Layout.RANDPERSON: randperson.DATASET,
    Layout.LUPERSON: luperson.DATASET,
    Layout.ANIMALS: animals.DATASET,
}
"""Narrower layouts stand before wider ones: Occluded-Duke before DukeMTMC-reID before Market-1501."""

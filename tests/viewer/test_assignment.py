"""Counts of crops by what clustering made of them, and the commands that cluster the rest."""

import shlex
from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reseen.cli.app import build_app
from reseen.gallery.collection import build_collection
from reseen.gallery.entries import Entry
from reseen.viewer.assignment import assignment_of
from reseen.viewer.clusters import Clusters
from reseen.viewer.viewer import Snapshot

CROP = st.tuples(st.sampled_from(["/a b", "/c"]), st.sampled_from([None, -1, 0, 4]))


@given(st.lists(CROP, max_size=20))
def test_every_crop_is_counted_once_and_every_folder_has_its_commands(crops):
    entries = [Entry(source, f"{row}.jpg", cluster=cluster) for row, (source, cluster) in enumerate(crops)]
    collection = build_collection(entries, np.ones((len(crops), 2), np.float32))
    viewer = SimpleNamespace(
        gallery=SimpleNamespace(model=SimpleNamespace(run="/runs/it's")), address="/my gallery"
    )
    found = assignment_of(viewer, Snapshot(1, collection, Clusters(collection)))
    assert (found.inside, found.outliers, found.unclustered) == (
        sum(cluster is not None and cluster >= 0 for _, cluster in crops),
        sum(cluster == -1 for _, cluster in crops),
        sum(cluster is None for _, cluster in crops),
    )
    assert found.total == len(crops)
    words = [shlex.split(command) for command in found.commands]
    folders = sorted({source for source, cluster in crops if cluster is None})
    assert [line[4] for line in words if line[1] == "index"] == folders
    assert [line[4] for line in words if line[1] == "cluster"] == folders
    app = build_app()
    for line in words:  # the command line takes each of them
        app.parse_args(line[1:], exit_on_error=False, print_error=False)

"""How many crops are in clusters, are outliers, or were never clustered; and the commands that cluster them."""

import shlex
from dataclasses import dataclass

from reseen.gallery.collection import NOISE, UNCLUSTERED
from reseen.viewer.viewer import Snapshot, Viewer

_FILE = "clusters.csv"


@dataclass(frozen=True)
class Assignment:
    """Numbers of crops by what clustering made of them; they add up to those of the gallery."""

    inside: int
    """In a cluster."""
    outliers: int
    unclustered: int
    """Never clustered."""
    commands: tuple[str, ...]
    """Commands that cluster the crops of each folder that holds some that were never clustered."""

    @property
    def total(self) -> int:
        """Crops of the gallery."""
        return self.inside + self.outliers + self.unclustered


def assignment_of(viewer: Viewer, snapshot: Snapshot) -> Assignment:
    """The numbers of a snapshot, and commands with the folders of this gallery."""
    labels, collection = snapshot.collection.clusters, snapshot.collection
    new = (labels == UNCLUSTERED).nonzero()[0].tolist()
    commands: list[str] = []
    for source in sorted({collection.entries[row].source for row in new}):
        run = [viewer.gallery.model.run or "RUN", "--data", source]
        commands.append(shlex.join(["reseen", "cluster", *run, "--out", _FILE]))
        commands.append(
            shlex.join(["reseen", "index", *run, "--gallery", viewer.address, "--clusters", _FILE])
        )
    return Assignment(int((labels >= 0).sum()), int((labels == NOISE).sum()), len(new), tuple(commands))

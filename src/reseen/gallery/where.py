"""Which entries of a gallery are meant."""

from dataclasses import dataclass, fields

from reseen.gallery.entries import Entry


@dataclass(frozen=True)
class Where:
    """Conditions that must all hold; one that is None holds for every entry, an empty tuple for none.

    An entry whose time is unknown lies in no window of time.
    """

    keys: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    images: tuple[str, ...] | None = None
    """Paths from the folder of their source."""
    cameras: tuple[str, ...] | None = None
    not_cameras: tuple[str, ...] | None = None
    """Cameras to leave out, such as the query's own; an entry without a camera stays."""
    after: float | None = None
    """Seconds; entries at or after this time."""
    before: float | None = None
    """Seconds; entries before this time."""
    clusters: tuple[int, ...] | None = None
    tracklets: tuple[int, ...] | None = None

    @property
    def everything(self) -> bool:
        """True when there is no condition."""
        return all(getattr(self, field.name) is None for field in fields(self))

    def holds(self, entry: Entry) -> bool:
        """Whether an entry is meant: the rule that every store must follow."""
        return (
            (self.keys is None or entry.key in self.keys)
            and (self.sources is None or entry.source in self.sources)
            and (self.images is None or entry.image in self.images)
            and (self.cameras is None or entry.camera in self.cameras)
            and (self.not_cameras is None or entry.camera not in self.not_cameras)
            and (self.after is None or (entry.time is not None and entry.time >= self.after))
            and (self.before is None or (entry.time is not None and entry.time < self.before))
            and (self.clusters is None or entry.cluster in self.clusters)
            and (self.tracklets is None or entry.tracklet in self.tracklets)
        )


EVERYTHING = Where()
"""No condition."""

"""`WatchEvent`: what is known of a tracklet when it has ended, and its line of JSON."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reseen.gallery.gallery import Match
from reseen.gallery.search_results import match_to_json


@dataclass(frozen=True)
class WatchEvent:
    """One person before one camera for a while, and who of the gallery it is."""

    camera: str
    tracklet: int
    """Number within the folder of crops, from 1; later calls go on counting."""
    time: float
    """First box: Unix seconds, or seconds since the first frame where no start is known."""
    until: float
    """Last box, as `time`."""
    frames: int
    """Frames with a box."""
    crop: Path
    """The sharpest crop."""
    crops: tuple[Path, ...]
    """All crops that were searched with, in the order of time."""
    person: int | None
    """Cluster of the most similar tracklet that is in one; None if it is less similar than the threshold."""
    score: float | None
    """Cosine similarity with that tracklet's nearest crop, -1 to 1, or with `best` where there is none; None in an
    empty gallery."""
    probability: float | None
    """Calibrated probability, 0 to 1, that both show one person; None where nothing is calibrated."""
    best: Match | None
    """The most similar crop of the gallery."""
    delay: float | None
    """Seconds from the last box to the answer, on the clock; None for recordings, which are read as fast as they
    can be."""

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable values."""
        return {
            "format": "reseen-watch-1",
            "person": self.person,
            "score": _rounded(self.score, 4),
            "probability": _rounded(self.probability, 4),
            "camera": self.camera,
            "time": round(self.time, 3),
            "until": round(self.until, 3),
            "tracklet": self.tracklet,
            "frames": self.frames,
            "crop": str(self.crop),
            "crops": [str(crop) for crop in self.crops],
            "best": None if self.best is None else match_to_json(self.best),
            "delay": _rounded(self.delay, 3),
        }

    @property
    def line(self) -> str:
        """The values as one line of JSON."""
        return json.dumps(self.to_json())


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)

"""`WatchEvent`: the result of one tracklet, as an object and as a line of JSON."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reseen.gallery.gallery import Match
from reseen.gallery.search_results import match_to_json


@dataclass(frozen=True)
class WatchEvent:
    """A tracklet that has ended, and the person in the gallery that it was identified as."""

    camera: str
    tracklet: int
    """Number within the folder of crops, from 1; continues over several watchers."""
    time: float
    """Time of the first box: Unix seconds, or seconds since the first frame if the start is unknown."""
    until: float
    """Time of the last box, as `time`."""
    frames: int
    """Number of frames with a box."""
    crop: Path
    """The sharpest crop."""
    crops: tuple[Path, ...]
    """All crops used for the search, in temporal order."""
    person: int | None
    """Cluster of the most similar tracklet with a cluster; None if its similarity is below the threshold."""
    score: float | None
    """Cosine similarity with that tracklet's nearest crop, -1 to 1, or with `best` if there is none; None for an empty
    gallery."""
    probability: float | None
    """Calibrated probability that both show the same person, 0 to 1; None without a calibration."""
    best: Match | None
    """The most similar crop of the gallery; None for an empty gallery."""
    delay: float | None
    """Seconds from the last box to the result, in wall-clock time; None for recordings."""

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

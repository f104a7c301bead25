"""What a plan says."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Stage:
    """One part of the work."""

    name: str
    seconds: float
    memory: float = 0.0
    """Bytes of memory of its own that the process needs meanwhile; the system may use more to keep files near."""
    disk: float = 0.0
    """Bytes that it leaves on disk."""


@dataclass(frozen=True)
class Estimate:
    """Time, memory and disk of some work, stage by stage."""

    work: str
    """`train`, `embed`, `cluster` or `index`."""
    images: int
    stages: tuple[Stage, ...]
    notes: tuple[str, ...] = ()
    """What the figures rest on."""
    noun: str = "crops"
    """What is counted."""

    @property
    def seconds(self) -> float:
        """Of all stages, one after the other."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def memory(self) -> float:
        """Bytes: the most that any stage needs."""
        return max(stage.memory for stage in self.stages)

    @property
    def disk(self) -> float:
        """Bytes left on disk when all is done."""
        return sum(stage.disk for stage in self.stages)

    def to_json(self) -> dict[str, Any]:
        """Everything, with the totals."""
        totals = {"seconds": self.seconds, "memory": self.memory, "disk": self.disk}
        return {"work": self.work, "images": self.images, **totals} | {
            "stages": [asdict(stage) for stage in self.stages],
            "notes": list(self.notes),
        }

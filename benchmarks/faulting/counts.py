"""What is counted of every kind of fault."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Counts:
    """How faults of a kind ended."""

    injected: int = 0
    survived: int = 0
    """With nothing of what follows."""
    lost_rounds: int = 0
    """Rounds that were said to be done and were not there afterwards."""
    corrupt_files: int = 0
    """Files under their names that were not whole."""
    other_bits: int = 0
    """Ends that differ from those of work that nothing befell."""
    unexplained: int = 0
    """Crashes: a traceback, a signal, an error without a message."""
    hangs: int = 0
    code_run: int = 0
    """Files that made a reader run code."""
    details: list[str] = field(default_factory=list)
    """What went wrong, for a person."""

    def add(self, **found: int) -> None:
        """Count one more fault; what is given beside zero was not survived."""
        self.injected += 1
        self.survived += not any(found.values())
        for name, value in found.items():
            setattr(self, name, getattr(self, name) + value)

    def to_json(self) -> dict[str, Any]:
        """For the file of results."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Counts":
        """What `to_json` made."""
        return cls(**values)

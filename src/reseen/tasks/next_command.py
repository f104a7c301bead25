"""What to do after training."""

from pathlib import Path
from typing import Literal

from reseen.datasets import PATTERNED, Layout, detect


def next_command(data: str | Path) -> Literal["audit", "evaluate"]:
    """The command that fits the data: benchmarks can be evaluated; other folders have no identities to evaluate with.

    Raises:
        DataError: nothing is there.
    """
    own = (*PATTERNED, Layout.MANIFEST, Layout.SHARDS, Layout.LUPERSON)
    return "audit" if detect(Path(data).expanduser()) in own else "evaluate"

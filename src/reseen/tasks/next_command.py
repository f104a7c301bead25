"""What to do after training."""

from pathlib import Path
from typing import Literal

from reseen.datasets import DATASETS, PATTERNED, Layout, detect


def next_command(data: str | Path) -> Literal["audit", "evaluate"]:
    """The command that fits the data: benchmarks can be evaluated; other folders have no identities to evaluate with.

    Raises:
        DataError: nothing is there.
    """
    layout = detect(Path(data).expanduser())
    own = (*PATTERNED, Layout.MANIFEST, Layout.SHARDS)
    return "audit" if layout in own or DATASETS[layout].splits is None else "evaluate"

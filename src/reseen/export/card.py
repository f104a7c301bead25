"""What an exported file says of itself."""

import json

import pyarrow as pa

from reseen.environment import versions
from reseen.errors import RunError
from reseen.export.fingerprint import fingerprint
from reseen.export.input_spec import InputSpec
from reseen.models import Encoder
from reseen.reading import read_table
from reseen.runs.cluster_file import BROKEN_PARQUET, CLUSTERS
from reseen.runs.run import Run

PREFIX = "reseen."
"""What every key begins with."""

Card = dict[str, str]


def make_card(
    run: Run, encoder: Encoder, form: InputSpec, license_text: str, precision: str, calibration: str
) -> Card:
    """Keys and texts, in the order in which a person reads them."""
    facts = {
        "format": "reseen-export-1",
        "version": versions()["reseen"],
        "method": run.recipe.method.name,
        "backbone": run.recipe.model.backbone,
        "rounds": str(run.rounds_done),
        "fingerprint": fingerprint(encoder),
        "data": str(run.facts["data"]),
        "cameras": json.dumps(camera_names(run), ensure_ascii=False),
        "license": license_text or "not stated",
        "input": f"images: {form.text(encoder.height, encoder.width)}",
        "input.kind": form.kind,
        "input.layout": form.layout,
        "input.channels": form.channels,
        "height": str(encoder.height),
        "width": str(encoder.width),
        "resize": "inside: bicubic, antialiased"
        if form.any_size
        else "outside: bicubic, antialiased, if you can",
        "output": f"vectors: float32, batch x {encoder.dimension}, length 1, compared by cosine",
        "dimension": str(encoder.dimension),
        "part": encoder.part if encoder.patches is not None else "global",
        "precision": precision,
        "calibration": calibration or "none",
    }
    return {f"{PREFIX}{key}": text for key, text in facts.items()}


def camera_names(run: Run) -> list[str]:
    """Names of the cameras that a run learned from, sorted; none where it was told of none.

    Raises:
        RunError: the run's file of clusters is damaged.
    """
    file = run.folder / CLUSTERS
    if not run.recipe.cameras or not file.is_file():
        return []
    try:
        found = read_table(file, ["camera"])["camera"].cast(pa.string()).to_pylist()
    except BROKEN_PARQUET as error:
        raise RunError(f"{file}: damaged ({error}); restore it from a copy, or remove it") from None
    return sorted(name for name in set(found) if name)
